//! COMMAND and its subcommands.

use super::executor::Executor;
use super::{script, script_on};
use crate::commands::COMMANDS;

const GET_INFO: &str = "*10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 $5 flags \
                        *2 +RO +access $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 find_keys \
                        *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0";

#[test]
fn info_tells_what_the_row_says() {
    let rewrite = "*10 $14 config|rewrite :2 *4 +admin +noscript +loading +stale :0 :0 :0 *3 +@admin +@slow \
                   +@dangerous *0 *0 *0";
    script(&[
        ("COMMAND INFO get", &format!("*1 {GET_INFO}")),
        ("command info GET nosuch get|x Config|Rewrite", &format!("*4 {GET_INFO} $-1 $-1 {rewrite}")),
        ("HELLO 3", &super::client::HELLO.replace(":2", ":3").replacen("", "%7 ", 1)),
        ("COMMAND INFO nosuch", "*1 _"),
    ]);
}

#[test]
fn info_without_names_describes_all() {
    let mut executor = Executor::new();
    let all = executor.run_line("COMMAND");
    assert_eq!(all, executor.run_line("COMMAND INFO"));
    assert!(all.starts_with(&format!("*{} {GET_INFO}", COMMANDS.len())));
    assert_eq!(executor.run_line("COMMAND COUNT"), format!(":{}", COMMANDS.len()));
}

#[test]
fn docs_tell_history_and_grammar() {
    let dbsize = "$6 dbsize *8 $7 summary $41 Counts the keys of the selected database. $5 since $5 1.0.0 $5 group \
                  $6 server $10 complexity $4 O(1)";
    script(&[
        ("COMMAND DOCS dbsize nosuch config|nosuch", &format!("*2 {dbsize}")),
        ("COMMAND DOCS dbsize DBSIZE", &format!("*4 {dbsize} {dbsize}")),
        ("COMMAND DOCS nosuch", "*0"),
    ]);
    let mut executor = Executor::new();
    executor.run_line("HELLO 3");
    let exists = executor.run_line("COMMAND DOCS exists");
    assert!(exists.contains("$7 history ~1 *2 $5 3.0.3 $33 Accepts multiple `key` arguments."), "{exists}");
    assert!(
        exists.ends_with("*1 %4 $4 name $3 key $4 type $3 key $14 key_spec_index :0 $5 flags ~1 +multiple"),
        "{exists}"
    );
}

#[test]
fn list_can_be_filtered() {
    let syntax = "-ERR syntax error";
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("COMMAND LIST FILTERBY PATTERN [GD]E?", "*2 $3 get $3 del"),
            ("COMMAND LIST filterby pattern cl*|k*", "*1 $11 client|kill"),
            ("COMMAND LIST FILTERBY ACLCAT nosuch", "*0"),
            ("COMMAND LIST FILTERBY MODULE x", "*0"),
            ("COMMAND LIST FILTERBY", syntax),
            ("COMMAND LIST FILTERBY PATTERN", syntax),
            ("COMMAND LIST FILTERBY foo x", syntax),
            ("COMMAND LIST x PATTERN x", syntax),
        ],
    );
    let strings = executor.run_line("COMMAND LIST FILTERBY ACLCAT STRING");
    assert!(strings.contains(" $3 get $3 set ") && !strings.contains(" $3 del "), "{strings}");
    let rows: usize = COMMANDS.iter().map(|row| 1 + row.subcommands.len()).sum();
    assert!(executor.run_line("COMMAND LIST").starts_with(&format!("*{rows} $3 get $3 set ")));
}

#[test]
fn keys_of_a_whole_command() {
    let too_few = "-ERR wrong number of arguments for 'command|getkeys' command";
    let no_keys = "-ERR The command has no key arguments";
    let invalid = "-ERR Invalid command specified";
    script(&[
        ("COMMAND GETKEYS GET a", "*1 $1 a"),
        ("COMMAND GETKEYS del a b a", "*3 $1 a $1 b $1 a"),
        ("COMMAND GETKEYS get a b", "-ERR Invalid number of arguments specified for command"),
        ("COMMAND GETKEYS get", too_few),
        ("COMMAND GETKEYS ping", too_few),
        ("COMMAND GETKEYS ping x y", no_keys),
        ("COMMAND GETKEYS config get x", no_keys),
        ("COMMAND GETKEYS config nosuch x", invalid),
        ("COMMAND GETKEYS config|get x", invalid),
        ("COMMAND GETKEYS POST x", invalid),
        ("COMMAND GETKEYSANDFLAGS get a", "*1 *2 $1 a *2 +RO +access"),
        ("COMMAND GETKEYSANDFLAGS set a b", "*1 *2 $1 a *2 +OW +update"),
        ("COMMAND GETKEYSANDFLAGS set a b get", "*1 *2 $1 a *3 +RW +access +update"),
        ("COMMAND GETKEYSANDFLAGS rename a b", "*2 *2 $1 a *3 +RW +access +delete *2 $1 b *2 +OW +update"),
        ("COMMAND GETKEYS mset a 1 b", "*2 $1 a $1 b"),
        ("COMMAND GETKEYSANDFLAGS del a b", "*2 *2 $1 a *2 +RM +delete *2 $1 b *2 +RM +delete"),
    ]);
}

#[test]
fn help_has_the_layout_of_redis() {
    let mut executor = Executor::new();
    for container in ["CLIENT", "COMMAND", "CONFIG", "OBJECT"] {
        let help = String::from_utf8(executor.run(&[container.as_bytes(), b"HELP"])).unwrap();
        let lines: Vec<&str> = help.split("\r\n").filter(|line| !line.is_empty()).collect();
        assert_eq!(lines[0], format!("*{}", lines.len() - 1));
        assert_eq!(
            lines[1],
            format!("+{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        );
        assert_eq!(lines[lines.len() - 2], "+HELP");
        let container = COMMANDS.iter().find(|row| row.name == container).unwrap();
        for row in container.subcommands {
            assert!(lines.iter().any(|line| line[1..].split(' ').next() == Some(row.name)), "{}", row.name);
        }
    }
}
