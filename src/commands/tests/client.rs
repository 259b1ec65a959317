//! Commands on the connection and on the server: replies, refusals, and what is asked of the core.

use super::executor::Executor;
use super::{script, script_on};
use crate::commands::call::{ClientFilter, ClientKind};
use crate::commands::caller::Address;
use crate::commands::{Caller, ClientFacts};

#[test]
fn unknown_commands_are_refused_in_full() {
    let long = "b".repeat(200);
    script(&[
        ("foo", "-ERR unknown command 'foo', with args beginning with: "),
        ("foo a b", "-ERR unknown command 'foo', with args beginning with: 'a' 'b' "),
        ("'' ''", "-ERR unknown command '', with args beginning with: '' "),
        (r#""a\nb" "c\rd""#, "-ERR unknown command 'a b', with args beginning with: 'c d' "),
        (r#""a\x00b" "c\x00d" e"#, "-ERR unknown command 'a', with args beginning with: 'c' 'e' "),
        ("CLIENT foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP."),
        (r#"config "fo\x00o""#, "-ERR unknown subcommand 'fo'. Try CONFIG HELP."),
        ("command ''", "-ERR unknown subcommand ''. Try COMMAND HELP."),
        ("CLIENT", "-ERR wrong number of arguments for 'client' command"),
        ("client KILL", "-ERR wrong number of arguments for 'client|kill' command"),
        ("POST / HTTP/1.1", "closed"),
        ("host: x", "closed"),
    ]);
    let shown = "b".repeat(128);
    let reply = format!("-ERR unknown command '{shown}', with args beginning with: '{shown}' ");
    script(&[(&format!("{long} {long} c"), &reply)]);
    let (first, second) = ("b".repeat(110), "c".repeat(15));
    let reply = format!("-ERR unknown command 'z', with args beginning with: '{first}' '{second}' ");
    script(&[(&format!("z {first} {second}cc d"), &reply)]);
}

#[test]
fn ping_echo_select_quit_reset() {
    let not_int = "-ERR value is out of range, value must between -2147483648 and 2147483647";
    script(&[
        ("PING", "+PONG"),
        ("ping x", "$1 x"),
        ("PING x y", "-ERR wrong number of arguments for 'ping' command"),
        ("ECHO 'a b'", "$3 a b"),
        ("SELECT 1", "+OK"),
        ("SELECT x", "-ERR value is not an integer or out of range"),
        ("SELECT 01", "-ERR value is not an integer or out of range"),
        ("SELECT 16", "-ERR DB index is out of range"),
        ("SELECT 256", "-ERR DB index is out of range"),
        ("SELECT -1", "-ERR DB index is out of range"),
        ("SELECT 2147483648", not_int),
        ("SELECT -2147483649", not_int),
        ("QUIT now", "+OK closed"),
    ]);
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("SELECT 3", "+OK"),
            ("CLIENT SETNAME bob", "+OK"),
            ("CLIENT NO-TOUCH on", "+OK"),
            ("CLIENT NO-EVICT on", "+OK"),
            ("RESET x", "-ERR wrong number of arguments for 'reset' command"),
            ("RESET", "+RESET"),
            ("CLIENT GETNAME", "$-1"),
        ],
    );
    assert_eq!(executor.caller.database, 0);
    assert!(!executor.caller.no_touch && executor.caller.no_evict);
}

pub const HELLO: &str = "$6 server $5 redis $7 version $6 7.0.15 $5 proto :2 $2 id :7 $4 mode $10 standalone \
                     $4 role $6 master $7 modules *0";

#[test]
fn hello_chooses_the_protocol() {
    let noproto = "-NOPROTO unsupported protocol version";
    let not_integer = "-ERR Protocol version is not an integer or out of range";
    script(&[
        ("HELLO", &format!("*14 {HELLO}")),
        ("HELLO 2", &format!("*14 {HELLO}")),
        ("HELLO 1", noproto),
        ("HELLO 4 x", noproto),
        ("HELLO x", not_integer),
        ("HELLO AUTH default x", not_integer),
        ("HELLO 3", &format!("%7 {}", HELLO.replace(":2", ":3"))),
        ("CLIENT GETNAME", "_"),
        ("HELLO", &format!("%7 {}", HELLO.replace(":2", ":3"))),
        ("HELLO 4", noproto),
        ("CLIENT GETNAME", "_"),
        ("RESET", "+RESET"),
        ("CLIENT GETNAME", "$-1"),
    ]);
}

#[test]
fn hello_follows_its_options_in_order() {
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    script(&[
        ("HELLO 2 AUTH default any", &format!("*14 {HELLO}")),
        ("HELLO 2 auth default any setname ann", &format!("*14 {HELLO}")),
        ("CLIENT GETNAME", "$3 ann"),
        ("HELLO 3 SETNAME bob AUTH foo x", wrong),
        ("CLIENT GETNAME", "$3 bob"),
        ("HELLO 2 AUTH DEFAULT x", wrong),
        ("HELLO 2 SETNAME cid x", "-ERR Syntax error in HELLO option 'x'"),
        ("CLIENT GETNAME", "$3 cid"),
        ("HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'"),
        ("HELLO 2 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'"),
        ("HELLO 2 SETNAME 'a b'", "-ERR Client names cannot contain spaces, newlines or special characters."),
    ]);
}

#[test]
fn client_attributes() {
    let bad_name = "-ERR Client names cannot contain spaces, newlines or special characters.";
    let mut executor = Executor::new();
    script_on(
        &mut executor,
        &[
            ("CLIENT ID", ":7"),
            ("CLIENT GETNAME", "$-1"),
            ("CLIENT SETNAME bob", "+OK"),
            ("CLIENT GETNAME", "$3 bob"),
            ("CLIENT SETNAME 'a b'", bad_name),
            (r#"CLIENT SETNAME "\x7f""#, bad_name),
            (r#"CLIENT SETNAME "\xc3\xa9""#, bad_name),
            ("CLIENT SETNAME ''", "+OK"),
            ("CLIENT GETNAME", "$-1"),
            ("CLIENT SETINFO LIB-NAME redis-rs", "+OK"),
            ("CLIENT SETINFO lib-ver 1.2", "+OK"),
            ("CLIENT SETINFO lib-x 1", "-ERR Unrecognized option 'lib-x'"),
            (
                "CLIENT SETINFO lib-name 'a b'",
                "-ERR lib-name cannot contain spaces, newlines or special characters.",
            ),
            ("CLIENT NO-EVICT on", "+OK"),
            ("CLIENT NO-TOUCH ON", "+OK"),
            ("CLIENT NO-TOUCH maybe", "-ERR syntax error"),
            ("CLIENT NO-EVICT maybe", "-ERR syntax error"),
            ("CLIENT INFO", "ask ClientInfo"),
        ],
    );
    let labels = executor.caller.labels.as_ref().unwrap();
    assert_eq!((&labels.library_name[..], &labels.library_version[..]), (&b"redis-rs"[..], &b"1.2"[..]));
    assert!(executor.caller.no_evict && executor.caller.no_touch);
}

/// What CLIENT LIST or CLIENT KILL asks for, with the fields that differ from the default.
fn asks(line: &str, form: &str, filter: ClientFilter, style: &str) {
    let expected = match form {
        "list" => format!("ask ClientList({filter:?})"),
        _ => format!("ask ClientKill {{ filter: {filter:?}, style: {style} }}"),
    };
    script(&[(line, &expected)]);
}

#[test]
fn client_list_filters() {
    let all = ClientFilter::default();
    asks("CLIENT LIST", "list", all.clone(), "");
    asks("CLIENT LIST ID 3 -1 3", "list", ClientFilter { ids: Some(vec![3, 0, 3]), ..all.clone() }, "");
    let kinds = [
        ("normal", ClientKind::Normal),
        ("SLAVE", ClientKind::Replica),
        ("replica", ClientKind::Replica),
        ("master", ClientKind::Master),
        ("pubsub", ClientKind::PubSub),
    ];
    for (name, kind) in kinds {
        let filter = ClientFilter { kind: Some(kind), ..all.clone() };
        asks(&format!("client list type {name}"), "list", filter, "");
    }
    script(&[
        ("CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'"),
        ("CLIENT LIST TYPE", "-ERR syntax error"),
        ("CLIENT LIST ID", "-ERR syntax error"),
        ("CLIENT LIST ID 1 x", "-ERR Invalid client ID"),
        ("CLIENT LIST TYPE normal ID 1", "-ERR syntax error"),
        ("CLIENT LIST foo", "-ERR syntax error"),
    ]);
}

#[test]
fn client_kill_filters() {
    let others = ClientFilter { skip_me: true, ..ClientFilter::default() };
    let old = ClientFilter { address: Some("1.2.3.4:5".into()), ..ClientFilter::default() };
    asks("CLIENT KILL 1.2.3.4:5", "kill", old, "ByAddress");
    let filter = ClientFilter {
        ids: Some(vec![9]),
        kind: Some(ClientKind::Normal),
        address: Some("a:1".into()),
        local_address: Some("b:2".into()),
        user: Some("default".into()),
        skip_me: false,
    };
    let line = "CLIENT KILL id 8 ID 9 TYPE normal ADDR a:1 LADDR b:2 USER default SKIPME no";
    asks(line, "kill", filter, "ByFilter");
    asks("CLIENT KILL SKIPME yes", "kill", others, "ByFilter");
    let too_small = "-ERR client-id should be greater than 0";
    script(&[
        ("CLIENT KILL ID 0", too_small),
        ("CLIENT KILL ID x", too_small),
        ("CLIENT KILL ID 0 foo", too_small),
        ("CLIENT KILL ID 1 foo", "-ERR syntax error"),
        ("CLIENT KILL foo bar", "-ERR syntax error"),
        ("CLIENT KILL SKIPME maybe", "-ERR syntax error"),
        ("CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'"),
        ("CLIENT KILL USER foo", "-ERR No such user 'foo'"),
    ]);
}

#[test]
fn config_info_and_shutdown_ask_the_core() {
    let syntax = "-ERR syntax error";
    let shutdown = |save: &str, rest: &str| format!("ask Shutdown(Shutdown {{ save: {save}, {rest} }})");
    script(&[
        ("CONFIG GET a* b", r#"ask ConfigGet([b"a*", b"b"])"#),
        ("CONFIG SET a 1 b 2", r#"ask ConfigSet([(b"a", b"1"), (b"b", b"2")])"#),
        ("CONFIG SET a 1 b", syntax),
        ("CONFIG SET a", "-ERR wrong number of arguments for 'config|set' command"),
        ("CONFIG REWRITE", "ask ConfigRewrite"),
        ("CONFIG RESETSTAT", "ask ConfigResetStat"),
        ("INFO", "ask Info([])"),
        ("INFO Server x", r#"ask Info([b"Server", b"x"])"#),
        ("SHUTDOWN", &shutdown("None", "now: false, force: false, abort: false")),
        ("SHUTDOWN nosave NOW force", &shutdown("Some(false)", "now: true, force: true, abort: false")),
        ("SHUTDOWN SAVE", &shutdown("Some(true)", "now: false, force: false, abort: false")),
        ("SHUTDOWN ABORT ABORT", &shutdown("None", "now: false, force: false, abort: true")),
        ("SHUTDOWN SAVE NOSAVE", syntax),
        ("SHUTDOWN ABORT NOW", syntax),
        ("SHUTDOWN x", syntax),
    ]);
}

fn facts(caller: &Caller) -> ClientFacts<'_> {
    ClientFacts {
        caller,
        kind: ClientKind::Normal,
        unix_socket: b"/run/basalt.sock",
        descriptor: 8,
        now_us: 12_900_000,
        last_request_us: 10_000_000,
        request_bytes: 13,
        request_bytes_free: 20461,
        argument_bytes: 10,
        reply_room_bytes: 1024,
        reply_peak_bytes: 5,
        reply_bytes: 1,
        waiting_count: 2,
        waiting_bytes: 3,
        memory_bytes: 22298,
        queued: None,
        is_paused: false,
        is_writing: false,
        is_closing: false,
        last_command: None,
        shard: 1,
    }
}

#[test]
fn a_client_is_one_line() {
    let (peer, local) = ("127.0.0.1:47076".parse().unwrap(), "[::1]:6379".parse().unwrap());
    let mut caller = Caller::new(23, Address::Tcp { peer, local }, 1_000_000);
    let line = |facts: ClientFacts| {
        let mut out = Vec::new();
        facts.write_line(&mut out);
        String::from_utf8(out).unwrap()
    };
    let end = "multi=-1 qbuf=13 qbuf-free=20461 argv-mem=10 multi-mem=0 rbs=1024 rbp=5 obl=1 oll=2 omem=3 \
               tot-mem=22298 events=r cmd=NULL user=default redir=-1 resp=2";
    assert_eq!(
        line(facts(&caller)),
        format!(
            "id=23 addr=127.0.0.1:47076 laddr=[::1]:6379 fd=8 name= age=11 idle=2 flags=N db=0 sub=0 psub=0 \
             ssub=0 {end} lib-name= lib-ver= shard=1\n"
        )
    );
    caller.address = Address::Unix;
    caller.no_evict = true;
    caller.labels_mut().library_name = b"redis-rs"[..].into();
    let line = line(ClientFacts { is_writing: true, is_closing: true, ..facts(&caller) });
    for part in [
        " addr=/run/basalt.sock:0 laddr=/run/basalt.sock:0 ",
        " flags=cUe ",
        " events=rw ",
        "lib-name=redis-rs ",
    ] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn filters_match_what_lines_show() {
    let (peer, local) = ("10.0.0.1:5".parse().unwrap(), "10.0.0.2:6379".parse().unwrap());
    let caller = Caller::new(23, Address::Tcp { peer, local }, 0);
    let facts = facts(&caller);
    let all = ClientFilter::default();
    for (filter, asker, matches) in [
        (all.clone(), 23, true),
        (ClientFilter { skip_me: true, ..all.clone() }, 23, false),
        (ClientFilter { skip_me: true, ..all.clone() }, 24, true),
        (ClientFilter { ids: Some(vec![1, 23]), ..all.clone() }, 1, true),
        (ClientFilter { ids: Some(vec![1]), ..all.clone() }, 1, false),
        (ClientFilter { kind: Some(ClientKind::Normal), ..all.clone() }, 1, true),
        (ClientFilter { kind: Some(ClientKind::PubSub), ..all.clone() }, 1, false),
        (ClientFilter { address: Some("10.0.0.1:5".into()), ..all.clone() }, 1, true),
        (ClientFilter { address: Some("10.0.0.2:6379".into()), ..all.clone() }, 1, false),
        (ClientFilter { local_address: Some("10.0.0.2:6379".into()), ..all.clone() }, 1, true),
        (ClientFilter { user: Some("default".into()), ..all.clone() }, 1, true),
        (ClientFilter { user: Some("x".into()), ..all }, 1, false),
    ] {
        assert_eq!(filter.matches(&facts, asker), matches, "{filter:?}");
    }
}
