//! Configuration files: syntax, includes, and what is refused.

use super::super::{ConfigError, Problem};
use super::{Folder, served, shown};

/// The setting lines of the redis.conf that Debian 12 installs, without its comments.
const DEBIAN: &str = include_str!("debian-redis.conf");

fn problems(folder: &Folder, arguments: &[&str]) -> Vec<Problem> {
    match folder.start(arguments, "") {
        Err(ConfigError::Problems(problems)) => problems,
        other => panic!("expected problems, found {other:?}"),
    }
}

#[test]
fn comments_spaces_quotes_and_case_are_those_of_redis() {
    let folder = Folder::new("syntax");
    folder.write(
        "a.conf",
        "\n# x\n\t port 7001 \r\nTIMEOUT '9'\nlogfile \"a\\x41\\n\"\nmasterauth 'a\\'b\"'\n",
    );
    let config = folder.config(&["a.conf"]);
    assert_eq!(shown(&config, "port"), "7001");
    assert_eq!(shown(&config, "timeout"), "9");
    assert_eq!(shown(&config, "logfile"), "aA\n");
    assert_eq!(shown(&config, "masterauth"), "a'b\"");
}

#[test]
fn all_problems_are_told_together_in_the_shape_of_redis() {
    let folder = Folder::new("problems");
    folder.write(
        "a.conf",
        "port 1 # no comment here\nprot 2\ntls-port 6380\nlogfile \"a\"b\nrename-command A B\n",
    );
    let text = folder.start(&["a.conf", "--timeout", "x"], "").unwrap_err().to_string();
    let path = folder.0.join("a.conf");
    let reading = format!("Reading the configuration file {}, at line", path.display());
    let expected = format!(
        "*** FATAL CONFIG FILE ERROR (Basalt {}) ***
{reading} 1
>>> 'port 1 # no comment here'
wrong number of arguments
{reading} 2
>>> 'prot 2'
There is no setting 'prot'; did you mean 'port'?
{reading} 3
>>> 'tls-port 6380'
'tls-port 6380' is refused: TLS is not built yet, so connections would be in the clear or fail. Remove the line or say 'tls-port 0'.
{reading} 4
>>> 'logfile \"a\"b'
Unbalanced quotes in configuration line
{reading} 5
>>> 'rename-command A B'
'rename-command' is refused: renaming commands is not built yet, so the command would stay open to all. Remove the line.
Reading the command line
>>> 'timeout \"x\"'
argument couldn't be parsed into an integer",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(text, expected);
}

#[test]
fn a_later_line_takes_a_refused_value_back() {
    let folder = Folder::new("last");
    folder.write("a.conf", "daemonize yes\nsave 900 1\nsave 300 10\nmaxmemory 1gb\n");
    assert_eq!(problems(&folder, &["a.conf"]).len(), 2);
    let arguments = ["a.conf", "--daemonize", "no", "--save", "", "--maxmemory", "0"];
    assert_eq!(shown(&folder.config(&arguments), "save"), "");
}

#[test]
fn save_lines_replace_the_default_and_add_to_each_other() {
    let folder = Folder::new("save");
    folder.write("a.conf", "save 900 1\nsave 300 10\n");
    assert_eq!(shown(&folder.config(&["a.conf"]), "save"), "900 1 300 10");
    assert_eq!(shown(&folder.config(&["a.conf", "--save", "60", "5"]), "save"), "900 1 300 10 60 5");
    assert_eq!(shown(&folder.config(&["--save", "60", "5"]), "save"), "60 5");
}

#[test]
fn each_line_changes_the_output_limits_of_its_class() {
    let folder = Folder::new("limits");
    folder.write(
        "a.conf",
        "client-output-buffer-limit replica 1mb 1kb 5\nclient-output-buffer-limit pubsub 1 2 3\n",
    );
    let config = folder.config(&["a.conf"]);
    assert_eq!(
        shown(&config, "client-output-buffer-limit"),
        "normal 0 0 0 slave 1048576 1024 5 pubsub 1 2 3"
    );
}

#[test]
fn files_are_included_in_place() {
    let folder = Folder::new("include");
    folder.write("a.conf", "timeout 1\ninclude b*.conf\nport 3\ninclude none-*.conf\n");
    folder.write("b1.conf", "timeout 2\nport 1\n");
    folder.write("b2.conf", "timeout 3\n");
    folder.write(".b3.conf", "timeout 4\n");
    let settings = folder.config(&["a.conf"]).settings();
    assert_eq!((settings.timeout_s, settings.port), (3, 3));

    folder.write("a.conf", "include absent.conf\n");
    let text = problems(&folder, &["a.conf"])[0].reason.to_string();
    let path = folder.0.join("absent.conf");
    assert_eq!(text, format!("can't open the included file '{}': No such file or directory", path.display()));
}

#[test]
fn a_file_that_includes_itself_comes_to_an_end() {
    let folder = Folder::new("endless");
    folder.write("a.conf", "include a.conf\ninclude a.conf\n");
    let problems = problems(&folder, &["a.conf"]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].reason.to_string().starts_with("more than 200 files are included"));
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new("missing");
    let text = folder.start(&["absent.conf"], "").unwrap_err().to_string();
    let path = folder.0.join("absent.conf");
    assert_eq!(
        text,
        format!("Fatal error, can't open config file '{}': No such file or directory", path.display())
    );
}

#[test]
fn the_directory_is_resolved_when_it_is_read() {
    let folder = Folder::new("dir");
    folder.write("a.conf", "dir .\n");
    let config = folder.config(&["a.conf"]);
    assert_eq!(config.settings().dir, folder.0);
    assert_eq!(config.file(), Some(folder.0.join("a.conf").as_path()));
}

#[test]
fn the_user_line_that_redis_writes_into_every_file_is_no_problem() {
    let folder = Folder::new("user");
    folder.write(
        "a.conf",
        "user default on nopass ~* &* +@all\nuser default on nopass sanitize-payload ~* &* +@all\n",
    );
    folder.config(&["a.conf"]);
    folder.write("a.conf", "user default on >secret ~* &* +@all\n");
    assert_eq!(problems(&folder, &["a.conf"]).len(), 1);
    folder.write("a.conf", "user alice on nopass ~* &* +@all\n");
    assert_eq!(problems(&folder, &["a.conf"]).len(), 1);
}

#[test]
fn the_file_of_debian_is_understood_line_by_line() {
    let folder = Folder::new("debian");
    folder.write("redis.conf", &DEBIAN.replace("/var/lib/redis", "."));
    let problems = problems(&folder, &["redis.conf"]);
    let lines: Vec<&str> = problems.iter().map(|problem| problem.line.text.as_str()).collect();
    assert_eq!(lines, ["daemonize yes"]);
    let config = served(folder.start(&["redis.conf", "--daemonize", "no"], ""));
    assert_eq!(config.settings().bind.len(), 2);
}
