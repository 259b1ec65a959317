//! Replies cut at any byte are counted the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{MalformedReply, NESTING_MAX, ReplyParser};

/// Feeds the pieces; the number of replies, and the texts of errors.
fn feed_all<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(u64, Vec<String>), MalformedReply> {
    let mut parser = ReplyParser::default();
    let mut errors = Vec::new();
    let mut replies = 0;
    for piece in pieces {
        let mut on_error = |_, text: &[u8]| errors.push(String::from_utf8_lossy(text).into_owned());
        replies += parser.feed(piece, &mut on_error)?;
    }
    Ok((replies, errors))
}

/// The bytes hold so many replies and these errors, whether they come at once or one by one.
fn check(bytes: &str, replies: u64, errors: &[&str]) {
    let expected = (replies, errors.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(feed_all([bytes.as_bytes()]).unwrap(), expected, "{bytes:?} at once");
    assert_eq!(feed_all(bytes.as_bytes().chunks(1)).unwrap(), expected, "{bytes:?} byte by byte");
}

fn check_malformed(bytes: &str) {
    assert!(feed_all([bytes.as_bytes()]).is_err(), "{bytes:?} at once");
    assert!(feed_all(bytes.as_bytes().chunks(1)).is_err(), "{bytes:?} byte by byte");
}

#[test]
fn resp2_replies_are_counted() {
    check("+OK\r\n", 1, &[]);
    check(":-12\r\n+\r\n", 2, &[]);
    check("$3\r\nabc\r\n$0\r\n\r\n$-1\r\n", 3, &[]);
    check("$4\r\n\r\n\r\n\r\n", 1, &[]);
    check("*2\r\n$1\r\na\r\n:1\r\n*0\r\n*-1\r\n", 3, &[]);
    check("*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n*-1\r\n+OK\r\n", 2, &[]);
}

#[test]
fn a_bulk_is_counted_whatever_its_length() {
    for length in [0, 9, 10, 999, 99_999, 999_999, 1_000_000] {
        let bulk = format!("${length}\r\n{}\r\n", "x".repeat(length));
        assert_eq!(feed_all([format!("{bulk}{bulk}+OK\r\n").as_bytes()]).unwrap().0, 3, "{length}");
    }
    for wrong in ["$3\r\nabcd\r\n", "$3\r\nabc\r\r", "$3\rxabc\r\n", "$\r\n\r\n", "+OK\r\n$3x\r\nabc\r\n"] {
        check_malformed(wrong);
    }
}

#[test]
fn errors_are_shown_unless_they_are_data() {
    check("-ERR no\r\n+OK\r\n-\r\n", 3, &["ERR no", ""]);
    check("!8\r\nERR a\r\nb\r\n!0\r\n\r\n", 2, &["ERR a\r\nb", ""]);
    check("*2\r\n-ERR in\r\n!6\r\nERR in\r\n", 1, &[]);
    let long = "x".repeat(1000);
    check(&format!("!1000\r\n{long}\r\n"), 1, &[&long[..256]]);
}

#[test]
fn resp3_replies_are_counted() {
    check("_\r\n#t\r\n,3.5\r\n(123\r\n=7\r\ntxt:abc\r\n", 5, &[]);
    check("%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%0\r\n~2\r\n:1\r\n:2\r\n", 2, &[]);
    check(">3\r\n+message\r\n+c\r\n+m\r\n+OK\r\n>0\r\n", 1, &[]);
    check("|1\r\n+ttl\r\n:3\r\n+OK\r\n", 1, &[]);
    check("*2\r\n|1\r\n+a\r\n%1\r\n+b\r\n:1\r\n:1\r\n|0\r\n:2\r\n", 1, &[]);
}

#[test]
fn streamed_replies_are_counted() {
    check("$?\r\n;4\r\nabcd\r\n;1\r\n.\r\n;0\r\n+OK\r\n", 2, &[]);
    check("*?\r\n:1\r\n$1\r\na\r\n*?\r\n.\r\n.\r\n%?\r\n+a\r\n$?\r\n;0\r\n.\r\n", 2, &[]);
    check("*2\r\n$?\r\n;0\r\n~?\r\n.\r\n", 1, &[]);
}

#[test]
fn what_is_not_resp_is_refused() {
    check_malformed("HTTP/1.1 400 Bad Request\r\n");
    check_malformed("\r\n");
    check_malformed("+OK\n");
    check_malformed("$3\r\nabcd\r\n");
    check_malformed("$3\r\nabc\rx");
    check_malformed("$-2\r\n");
    check_malformed("$x\r\n");
    check_malformed("$\r\n");
    check_malformed("*99999999999999999999\r\n");
    check_malformed(".\r\n");
    check_malformed("*1\r\n.\r\n");
    check_malformed(";1\r\na\r\n");
    check_malformed("$?\r\n+OK\r\n");
    check_malformed(&"*1\r\n".repeat(NESTING_MAX + 1));
    check_malformed(&"+".repeat((64 << 10) + 2));
}

/// One element as bytes, and its errors when it is a reply of its own.
fn element() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[+:,#(][a-z0-9]{0,9}\r\n",
        Just("_\r\n".to_owned()),
        Just("$-1\r\n".to_owned()),
        Just("*-1\r\n".to_owned()),
        Just("$?\r\n;2\r\n\r\n\r\n;0\r\n".to_owned()),
        ("[$=]", "[a-z\r\n$]{0,40}").prop_map(|(kind, text)| format!("{kind}{}\r\n{text}\r\n", text.len())),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            ("[*~]", vec(inner.clone(), 0..5)).prop_map(|(kind, list)| format!(
                "{kind}{}\r\n{}",
                list.len(),
                list.concat()
            )),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(|pairs| {
                let elements: String = pairs.iter().map(|(key, value)| format!("{key}{value}")).collect();
                format!("%{}\r\n{elements}", pairs.len())
            }),
            vec(inner.clone(), 0..4).prop_map(|list| format!("*?\r\n{}.\r\n", list.concat())),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(key, value, element)| format!("|1\r\n{key}{value}{element}")),
        ]
    })
}

/// A reply, an error, or a push which is no reply: bytes, replies, errors.
fn message() -> impl Strategy<Value = (String, u64, Vec<String>)> {
    prop_oneof![
        4 => element().prop_map(|bytes| (bytes, 1, vec![])),
        1 => "[A-Z a-z]{0,20}".prop_map(|text| (format!("-{text}\r\n"), 1, vec![text])),
        1 => "[a-z\r\n]{0,20}".prop_map(|text| (format!("!{}\r\n{text}\r\n", text.len()), 1, vec![text])),
        1 => vec(element(), 0..4).prop_map(|list| (format!(">{}\r\n{}", list.len(), list.concat()), 0, vec![])),
    ]
}

proptest! {
    #[test]
    fn replies_count_the_same_wherever_they_are_cut(
        messages in vec(message(), 0..12),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes: String = messages.iter().map(|(bytes, ..)| bytes.as_str()).collect();
        let replies: u64 = messages.iter().map(|(_, replies, _)| replies).sum();
        let errors: Vec<String> = messages.iter().flat_map(|(.., errors)| errors.clone()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes.as_bytes()[cut[0]..cut[1]]);
        prop_assert_eq!(feed_all(pieces).unwrap(), (replies, errors));
    }

    #[test]
    fn arbitrary_bytes_never_panic(pieces in vec(vec(any::<u8>(), 0..20), 0..10)) {
        let _ = feed_all(pieces.iter().map(Vec::as_slice));
    }
}
