//! Refusals whose whole text a client sees.

use super::common::{request, words};
use super::wire::{Case, case, compare};

#[test]
fn unknown_commands_are_echoed_as_redis_does() {
    let long = "x".repeat(200);
    let cases: Vec<Case> = vec![
        case("a name alone", words("foo")),
        case("a name and words", request(&["foo", "a b", "c"])),
        case("a name in capitals", words("FOO BAR")),
        case("a long name", request(&[&long, "a"])),
        case("a long argument", request(&["foo", &long, "b"])),
        case("long arguments", request(&["foo", &long[..60], &long[..60], &long[..60]])),
        case("128 bytes of arguments", request(&["foo", &long[..122], "abc", "d"])),
        case("many arguments", request(&["foo"; 80])),
        case("line breaks", request(&["fo\r\no", "a\r\nb", "\0c"])),
        case("an empty argument", request(&["foo", "", ""])),
        case("bytes that are no text", request(&[&b"f\xff\xfe"[..], b"\x80\x81", b"a'b"])),
    ];
    compare(&cases);
}

#[test]
fn wrong_numbers_of_arguments_are_refused_as_redis_does() {
    let lines = [
        "GET",
        "get a b",
        "SET a",
        "GeT",
        "DEL",
        "EXISTS",
        "ECHO",
        "echo a b",
        "PING a b",
        "SELECT",
        "SELECT 1 2",
        "CONFIG",
        "CONFIG GET",
        "config set",
        "CONFIG SET a",
        "CONFIG nosuch",
        "CONFIG RESETSTAT now",
        "CLIENT",
        "CLIENT nosuch",
        "CLIENT nosuch a b",
        "client id now",
        "CLIENT SETNAME",
        "CLIENT GETNAME x",
        "COMMAND nosuch",
        "COMMAND COUNT x",
        "COMMAND GETKEYS",
        "DBSIZE now",
        "FLUSHALL a b",
        "RESET now",
        "HELLO x",
    ];
    compare(&lines.map(|line| case("an arity", words(line))));
}

#[test]
fn options_are_refused_as_redis_does() {
    let lines = [
        "SET a b NX XX",
        "SET a b XX NX",
        "SET a b NX GET",
        "SET a b EX",
        "SET a b EX 0",
        "SET a b EX -1",
        "SET a b EX x",
        "SET a b EX 9223372036854775807",
        "SET a b PX 9223372036854775807",
        "SET a b EX 9223372036854775808",
        "SET a b PXAT 0",
        "SET a b EXAT 9223372036854775807",
        "SET a b KEEPTTL EX 10",
        "SET a b EX 10 PX 10",
        "SET a b EX 10 KEEPTTL",
        "SET a b nosuch",
        "SET a b EX 10 EX 10",
        "SET a b NX NX",
        "SELECT -1",
        "SELECT 16",
        "SELECT x",
        "SELECT 99999999999999999999",
        "HELLO 1",
        "HELLO 4",
        "HELLO 3 nosuch",
        "HELLO 3 SETNAME",
        "HELLO 3 AUTH a",
        "HELLO 2 AUTH nosuch x",
        "FLUSHALL nosuch",
        "CLIENT KILL x",
        "CLIENT KILL TYPE nosuch",
        "CLIENT KILL ID x",
        "CLIENT KILL ID 0",
        "CLIENT KILL SKIPME maybe",
        "CLIENT KILL 1.2.3.4:5",
        "CLIENT LIST TYPE nosuch",
        "CLIENT LIST ID x",
        "CLIENT LIST nosuch",
        "CLIENT NO-EVICT maybe",
        "CONFIG SET nosuch 1",
        "CONFIG SET databases 4",
        "CONFIG SET hz x",
        "CONFIG SET hz 1 hz 2",
        "CONFIG REWRITE",
        "COMMAND GETKEYS nosuch",
        "COMMAND GETKEYS PING",
        "COMMAND GETKEYS GET",
        "COMMAND LIST FILTERBY nosuch x",
        "COMMAND LIST nosuch",
        "SHUTDOWN nosuch",
        "SHUTDOWN SAVE NOSAVE",
        "SHUTDOWN ABORT",
        "SHUTDOWN ABORT NOW",
    ];
    compare(&lines.map(|line| case("an option", words(line))));
}

#[test]
fn client_names_are_refused_as_redis_does() {
    compare(&[
        case("a space", request(&["CLIENT", "SETNAME", "a b"])),
        case("a line break", request(&["CLIENT", "SETNAME", "a\nb"])),
        case("none", [request(&["CLIENT", "SETNAME", ""]), words("CLIENT GETNAME")].concat()),
        case("a name", [words("CLIENT SETNAME joe"), words("CLIENT GETNAME")].concat()),
        case(
            "a name and RESET",
            [words("CLIENT SETNAME joe"), words("RESET"), words("CLIENT GETNAME")].concat(),
        ),
        case("a bad name in HELLO", request(&["HELLO", "3", "SETNAME", "a b"])),
    ]);
}

#[test]
fn the_third_protocol_is_spoken_as_redis_does() {
    compare(&[
        case("nil", [words("HELLO 3 nosuch"), words("GET nothing")].concat()),
        case("RESET", [words("CLIENT SETNAME a"), words("RESET"), words("GET nothing")].concat()),
        case("a map", words("CONFIG GET maxmemory-policy")),
    ]);
}
