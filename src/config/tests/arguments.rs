//! The command line, as redis-server 7.0.15 reads its own.

use super::super::{ConfigError, Start};
use super::{Folder, served, shown, start_in};

fn value(arguments: &[&str], name: &str) -> String {
    shown(&served(start_in("/".as_ref(), arguments, "")), name)
}

/// The lines and reasons of all problems.
fn problems(arguments: &[&str]) -> String {
    let error = start_in("/".as_ref(), arguments, "").unwrap_err();
    assert!(matches!(error, ConfigError::Problems(_)), "{error}");
    let text = error.to_string();
    let lines = text.lines().skip(1).filter(|line| *line != "Reading the command line");
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn values_belong_to_the_name_before_them() {
    assert_eq!(value(&["--port", "7000", "--timeout", "3"], "port"), "7000");
    assert_eq!(value(&["--bind", "127.0.0.1", "-::1"], "bind"), "127.0.0.1 -::1");
    assert_eq!(value(&["--bind", "127.0.0.1 -::1"], "bind"), "127.0.0.1 -::1");
    assert_eq!(value(&["--port 7000", "--timeout", "3"], "port"), "7000");
    assert_eq!(value(&["--PORT", "7000"], "port"), "7000");
    assert_eq!(value(&["--'port'", "7000"], "port"), "7000");
    assert_eq!(value(&["--port", "1", "--port", "2"], "port"), "2");
    assert_eq!(value(&["--logfile", "a b\n\"c\""], "logfile"), "a b\n\"c\"");
}

#[test]
fn the_first_value_may_look_like_a_name() {
    assert_eq!(value(&["--logfile", "--timeout", "--timeout", "5"], "logfile"), "--timeout");
    assert_eq!(value(&["--logfile", "-x", "--timeout", "5"], "timeout"), "5");
    let text = ">>> 'logfile \"--timeout\" \"5\"'\nwrong number of arguments";
    assert_eq!(problems(&["--logfile", "--timeout", "5"]), text);
}

#[test]
fn save_may_stand_alone() {
    assert_eq!(value(&["--save", "--timeout", "5"], "timeout"), "5");
    assert_eq!(value(&["--save", "", "--timeout", "5"], "save"), "");
    assert_eq!(value(&["--timeout", "1", "--save"], "timeout"), "1");
}

#[test]
fn errors_are_those_of_redis() {
    let check =
        |arguments: &[&str], expected: &str| assert_eq!(problems(arguments), expected, "{arguments:?}");
    check(&["--port", "1", "2"], ">>> 'port \"1\" \"2\"'\nwrong number of arguments");
    check(&["--port", ""], ">>> 'port \"\"'\nargument couldn't be parsed into an integer");
    check(&["--port", "'1'"], ">>> 'port \"'1'\"'\nargument couldn't be parsed into an integer");
    check(&["--port", "\"1\""], ">>> 'port \"\\\"1\\\"\"'\nargument couldn't be parsed into an integer");
    check(&["--port 1 2"], ">>> 'port 1 2'\nwrong number of arguments");
    check(&["--ti'meout", "a"], ">>> 'ti'meout \"a\"'\nUnbalanced quotes in configuration line");
    check(
        &["--unixsocketperm", "778"],
        ">>> 'unixsocketperm \"778\"'\nargument couldn't be parsed as an octal number",
    );
    check(
        &["--unixsocketperm", "1000"],
        ">>> 'unixsocketperm \"1000\"'\nargument must be between 0 and 777 inclusive",
    );
    check(&["--dir", "/nonexistent"], ">>> 'dir \"/nonexistent\"'\nNo such file or directory");
    check(&["--dbfilename", "a/b"], ">>> 'dbfilename \"a/b\"'\ndbfilename can't be a path, just a filename");
    check(&["--appenddirname", ""], ">>> 'appenddirname \"\"'\nappenddirname can't be empty");
    check(
        &["--appenddirname", "a/b"],
        ">>> 'appenddirname \"a/b\"'\nappenddirname can't be a path, just a dirname",
    );
    check(&["--replicaof", "h"], ">>> 'replicaof \"h\"'\nwrong number of arguments");
    check(&["--replicaof", "h", "99999"], ">>> 'replicaof \"h\" \"99999\"'\nInvalid master port");
    check(
        &["--supervised", "x"],
        ">>> 'supervised \"x\"'\nargument(s) must be one of the following: upstart, systemd, auto, no",
    );
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let nearest = |argument: &str| problems(&[argument, "1"]).lines().last().unwrap().to_owned();
    assert_eq!(nearest("--prot"), "There is no setting 'prot'; did you mean 'port'?");
    assert_eq!(nearest("--port=7000"), "There is no setting 'port=7000'; did you mean 'port'?");
    assert_eq!(nearest("--max-clients"), "There is no setting 'max-clients'; did you mean 'maxclients'?");
    assert_eq!(nearest("--append_only"), "There is no setting 'append_only'; did you mean 'appendonly'?");
    assert_eq!(nearest("--xyzzyplugh"), "There is no setting 'xyzzyplugh'");
    assert_eq!(
        nearest("--slave-priorty"),
        "There is no setting 'slave-priorty'; did you mean 'slave-priority'?"
    );
}

#[test]
fn version_and_help_count_only_as_the_first_argument() {
    let start = |arguments: &[&str]| start_in("/".as_ref(), arguments, "");
    assert!(matches!(start(&["-v"]), Ok(Start::Version)));
    assert!(matches!(start(&["--version", "x"]), Ok(Start::Version)));
    assert!(matches!(start(&["-h"]), Ok(Start::Help)));
    assert!(matches!(start(&["--help"]), Ok(Start::Help)));
    assert!(start(&["--port", "1", "-v"]).is_err());
    assert!(start(&["-x"]).is_err());
}

#[test]
fn file_then_input_then_arguments() {
    let folder = Folder::new("order");
    folder.write("a.conf", "port 1\ntimeout 1\nmaxclients 1\n");
    let config = served(folder.start(&["a.conf", "--timeout", "3", "-"], "timeout 2\nmaxclients 2\n"));
    let settings = config.settings();
    assert_eq!((settings.port, settings.maxclients, settings.timeout_s), (1, 2, 3));
    assert_eq!(served(folder.start(&["-", "--timeout", "3"], "port 2")).settings().port, 2);
    assert!(folder.start(&["a.conf", "-", "--timeout", "3"], "").is_err(), "neither first nor last");
    // As in Redis, words before the first name are a line of their own.
    assert_eq!(folder.config(&["a.conf", "timeout", "5"]).settings().timeout_s, 5);
}

#[test]
fn settings_of_our_own_are_typed() {
    let arguments = ["--cpus", "0,2-5", "--shards", "3", "--log-format", "json", "--loglevel", "WARNING"];
    let settings = served(start_in("/".as_ref(), &arguments, "")).settings();
    assert_eq!((settings.cpus.as_slice(), settings.shards), ([0, 2, 3, 4, 5].as_slice(), 3));
    for list in ["5-2", "a", "1,,2", "1,1", "0-999999999999", "-1"] {
        assert!(
            problems(&["--cpus", list]).ends_with("argument must be a list of CPUs such as 0,2-5"),
            "{list}"
        );
    }
    assert!(problems(&["--databases", "17"]).ends_with("argument must be between 1 and 16 inclusive"));
}
