//! Requests that are odd, empty, too large or no requests at all.

use super::common::request;
use super::wire::{case, compare};

#[test]
fn headers_are_taken_or_refused_as_redis_does() {
    let cases = [
        ("no arguments", "*0\r\nPING\r\n"),
        ("a negative count", "*-10\r\nPING\r\n"),
        ("the least count", "*-9223372036854775808\r\nPING\r\n"),
        ("a count below the least", "*-9223372036854775809\r\n"),
        ("a null request", "*-1\r\nPING\r\n"),
        ("too many arguments", "*2147483648\r\n"),
        ("as many arguments as may be", "*2147483647\r\n"),
        ("far too many arguments", "*99999999999999999999\r\n"),
        ("no number of arguments", "*\r\n"),
        ("letters for a count", "*abc\r\n"),
        ("a count behind a space", "* 1\r\n$4\r\nPING\r\n"),
        ("a count with a sign", "*+1\r\n$4\r\nPING\r\n"),
        ("a count with a zero before it", "*01\r\n$4\r\nPING\r\n"),
        ("a count with a fraction", "*1.0\r\n$4\r\nPING\r\n"),
        ("two digits and a letter", "*1x\r\n$4\r\nPING\r\n"),
        ("a count without CR", "*1\n$4\r\nPING\r\n"),
        ("a count with CR and no LF", "*1\rX$4\r\nPING\r\n"),
        ("a negative bulk", "*1\r\n$-5\r\n"),
        ("a null bulk", "*1\r\n$-1\r\n"),
        ("a bulk over 512 MB", "*1\r\n$536870913\r\n"),
        ("a bulk of 512 MB", "*1\r\n$536870912\r\n"),
        ("a huge bulk", "*1\r\n$9223372036854775807\r\n"),
        ("a bulk beyond numbers", "*1\r\n$9223372036854775808\r\n"),
        ("no bulk length", "*1\r\n$\r\n"),
        ("letters for a bulk length", "*1\r\n$abc\r\n"),
        ("a bulk length behind a space", "*1\r\n$ 4\r\nPING\r\n"),
        ("a bulk length with a zero before it", "*1\r\n$04\r\nPING\r\n"),
        ("an integer for a bulk", "*1\r\n:4\r\n"),
        ("a word for a bulk", "*1\r\nfoo\r\n"),
        ("a line break for a bulk", "*1\r\n\r\n"),
        ("a line feed for a bulk", "*1\r\n\nfoo\r\n"),
        ("a zero byte for a bulk", "*1\r\n\0foo\r\n"),
        ("no bulk where the second should be", "*2\r\n$4\r\nPING\r\n*1\r\n"),
        ("a bulk that does not end in CRLF", "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n"),
        ("an empty name", "*1\r\n$0\r\n\r\n"),
        ("an empty name with arguments", "*2\r\n$0\r\n\r\n$1\r\na\r\n"),
        ("an array in an array", "*1\r\n*1\r\n$4\r\nPING\r\n"),
        (
            "good requests before a bad one",
            "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n",
        ),
        ("half a header", "*"),
        ("half a request", "*2\r\n$4\r\nECHO\r\n$3\r\nab"),
    ];
    compare(&cases.map(|(name, sent)| case(name, sent)));
}

#[test]
fn long_headers_are_refused_as_redis_does() {
    let digits = |count: usize| "1".repeat(count);
    compare(&[
        case("a count of 64 KiB and no end", format!("*{}", digits(65_535))),
        case("a count of 64 KiB and a byte", format!("*{}", digits(65_537))),
        case("a count of 65000 digits and its end", format!("*{}\r\n", digits(65_000))),
        case("a bulk length of 64 KiB and no end", format!("*1\r\n${}", digits(65_535))),
        case("a bulk length of 64 KiB and a byte", format!("*1\r\n${}", digits(65_537))),
        case("no dollar and no end", format!("*1\r\nx{}", digits(100))),
        case("no dollar and no end for 64 KiB", format!("*1\r\nx{}", digits(65_537))),
    ]);
}

#[test]
fn inline_requests_are_understood_as_redis_does() {
    let cases = [
        ("a word", "PING\r\n"),
        ("a word and LF", "PING\n"),
        ("words", "ECHO hello\r\n"),
        ("spaces and tabs around words", "  \t ECHO \t hello  \r\n"),
        ("empty lines", "\r\n\r\n\n\nPING\r\n"),
        ("a line of spaces", "   \r\nPING\r\n"),
        ("double quotes", "ECHO \"hello world\"\r\n"),
        ("single quotes", "ECHO 'hello world'\r\n"),
        ("escapes in double quotes", "ECHO \"a\\n\\r\\t\\b\\a\\\\\\\"\\x41\\xzz\\q\"\r\n"),
        ("escapes in single quotes", "ECHO 'it\\'s \\n'\r\n"),
        ("escapes without quotes", "ECHO a\\nb\r\n"),
        ("an empty word", "ECHO \"\"\r\n"),
        ("quotes in a word", "ECHO ab\"cd ef\"\r\n"),
        ("an open double quote", "ECHO \"hello\r\n"),
        ("an open single quote", "ECHO 'hello\r\n"),
        ("a word after a closing quote", "ECHO \"hello\"world\r\n"),
        ("a word after a closing single quote", "ECHO 'hello'world\r\n"),
        ("a zero byte", "ECHO a\0b\r\n"),
        ("a zero byte before a quote", "ECHO a\0 \"b\r\n"),
        ("CR inside a line", "ECHO a\rb\r\n"),
        ("two CR", "PING\r\r\n"),
        ("a vertical tab", "ECHO\x0bhello\r\n"),
        ("high bytes", "ECHO \u{e9}\u{20ac}\r\n"),
        ("any case", "pInG\r\n"),
        ("inline and RESP in turn", "PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n"),
        ("a posted request of HTTP", "POST / HTTP/1.1\r\n\r\nPING\r\n"),
        ("POST alone", "post\r\nPING\r\n"),
        ("Host alone", "host:\r\nPING\r\n"),
        ("Host with another name", "PING\r\nhost:x\r\nPING\r\n"),
        ("no end", "PING"),
    ];
    compare(&cases.map(|(name, sent)| case(name, sent)));
}

#[test]
fn long_inline_requests_are_refused_as_redis_does() {
    compare(&[
        case("65535 bytes without an end", vec![b'a'; 65_535]),
        case("65537 bytes without an end", vec![b'a'; 65_537]),
        case("100000 bytes without an end", vec![b'a'; 100_000]),
        case("60000 bytes with an end", format!("ECHO {}\r\n", "a".repeat(60_000))),
    ]);
}

#[test]
fn cross_protocol_requests_close_the_connection_as_redis_does() {
    let ping = request(&["PING"]);
    compare(&[
        case("POST as a request", [&ping[..], &request(&["POST", "/"]), &ping].concat()).in_one_piece(),
        case("Host: as a request", [&ping[..], &request(&["Host:", "x"]), &ping].concat()).in_one_piece(),
        case("a request of HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\nPING\r\n").in_one_piece(),
        case("post behind a request", "PING\r\npost\r\nPING\r\n").in_one_piece(),
        case("host behind a request", "PING\r\nhost:\r\nPING\r\n").in_one_piece(),
        case("post in lower case", request(&["post"])),
        case("hOsT: in any case", request(&["hOsT:"])),
    ]);
}

#[test]
fn quit_drops_what_follows_as_redis_does() {
    let (ping, quit) = (request(&["PING"]), request(&["QUIT"]));
    compare(&[
        case("QUIT", quit.clone()),
        case("QUIT between PINGs", [&ping[..], &quit, &ping].concat()),
        case("quit inline", "PING\r\nquit\r\nPING\r\n"),
        case("QUIT with arguments", [&request(&["QUIT", "now"])[..], &ping].concat()),
        case("QUIT and a broken header", [&quit[..], b"*x\r\n"].concat()),
    ]);
}
