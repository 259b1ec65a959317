//! Requests in all forms and cut at all places; replies in both versions of the protocol.

use bytes::Bytes;
use proptest::prelude::*;

use crate::protocol::reply::decimal;
use crate::protocol::request::{LARGE_BULK_BYTES, LINE_BYTES_MAX, integer, parse};
use crate::protocol::{Args, Limits, Out, Parse, Progress, ProtocolError, Reply, Resp, Span};

/// What a connection does with received bytes, in a few lines.
#[derive(Default)]
struct Receiver {
    buffer: Vec<u8>,
    progress: Progress,
    spans: Vec<Span>,
    blocks: Vec<Bytes>,
    limits: Limits,
    requests: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
}

impl Receiver {
    fn of(chunks: &[&[u8]]) -> Self {
        let mut receiver = Receiver::default();
        chunks.iter().for_each(|chunk| receiver.receive(chunk));
        receiver
    }

    fn receive(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
        let mut scratch = Vec::new();
        while self.error.is_none() {
            match parse(&self.buffer, &mut self.progress, &self.limits, &mut self.spans, &mut scratch) {
                Parse::Request => self.finish(None),
                Parse::Decoded => self.finish(Some(std::mem::take(&mut scratch))),
                Parse::Nothing => assert!(self.spans.is_empty()),
                Parse::Incomplete => return,
                Parse::LargeBulk(bytes) => match self.take_block(bytes) {
                    true => {}
                    false => return,
                },
                Parse::Error(error) => self.error = Some(error),
            }
        }
    }

    /// Collects a large bulk and its CRLF once all of it is there.
    fn take_block(&mut self, bytes: usize) -> bool {
        assert!(bytes >= LARGE_BULK_BYTES);
        let begin = self.progress.position;
        if self.buffer.len() < begin + bytes + 2 {
            return false;
        }
        self.spans.push(Span::block(self.blocks.len()));
        self.blocks.push(Bytes::copy_from_slice(&self.buffer[begin..begin + bytes]));
        self.progress.position += bytes + 2;
        self.progress.skip_large_bulk();
        true
    }

    fn finish(&mut self, decoded: Option<Vec<u8>>) {
        let bytes = decoded.as_deref().unwrap_or(&self.buffer);
        let args = Args::new(bytes, &self.spans, &self.blocks);
        self.requests.push(args.iter().map(<[u8]>::to_vec).collect());
        // The bytes of finished requests go; those of the next one move to the front.
        self.buffer.drain(..self.progress.position);
        self.progress = self.progress.rebased(self.progress.position);
        assert_eq!(self.progress, Progress::default());
        self.spans.clear();
        self.blocks.clear();
    }

    fn texts(&self) -> Vec<String> {
        let text = |request: &Vec<Vec<u8>>| {
            let words: Vec<_> = request.iter().map(|word| String::from_utf8_lossy(word)).collect();
            words.join("|")
        };
        self.requests.iter().map(text).collect()
    }
}

fn encoded(request: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
    for word in request {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// All of the bytes at once give these requests, and so do the bytes cut in two anywhere, and one by one.
#[track_caller]
fn check(bytes: &[u8], expected: &[&str], error: Option<ProtocolError>) {
    for cut in 0..=bytes.len() {
        let receiver = Receiver::of(&[&bytes[..cut], &bytes[cut..]]);
        assert_eq!(
            (receiver.texts(), receiver.error),
            (expected.iter().map(|&e| e.into()).collect(), error),
            "{cut}"
        );
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(Receiver::of(&single).texts(), expected);
}

#[test]
fn requests_are_found_however_the_bytes_arrive() {
    check(b"*1\r\n$4\r\nPING\r\n", &["PING"], None);
    check(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", &["SET|k|", "PING"], None);
    check(b"*1\r\n$12\r\n*1\r\n$4\r\nPING\r\n", &["*1\r\n$4\r\nPING"], None);
    check(b"*12\r\n$1\r\na\r\n", &[], None);
    check(b"PING\r\n*1\r\n$4\r\nPING\r\nPING\n", &["PING", "PING", "PING"], None);
    // What closes a bulk is skipped unread.
    check(b"*1\r\n$4\rxPINGxx*1\r\n$4\r\nPING\r\n", &["PING", "PING"], None);
}

#[test]
fn requests_of_nothing_are_passed_over() {
    check(b"*0\r\n*-1\r\n*-10\r\n\r\n\n  \t\r\nPING\r\n", &["PING"], None);
}

#[test]
fn inline_words_may_be_quoted() {
    for (line, words) in [
        (&b"SET k v\r\n"[..], "SET|k|v"),
        (b"  SET \t k\x0b\x0cv  \n", "SET|k\x0b\x0cv"),
        (b"PING\r\r\n", "PING"),
        (b"ECHO \"a b\"\r\n", "ECHO|a b"),
        (b"ECHO 'a \\'b\\n'\r\n", "ECHO|a 'b\\n"),
        (b"ECHO \"\\x41\\n\\\"\\\\\\q\\xzz\\t\"\r\n", "ECHO|A\n\"\\qxzz\t"),
        (b"PI\"NG\" ''\r\n", "PING|"),
        (b"\"\"\r\n", ""),
        (b"a'b c'\r\n", "ab c"),
    ] {
        check(line, &[words], None);
    }
    for line in [&b"ECHO \"a\r\n"[..], b"ECHO 'a\r\n", b"\"a\"b\r\n", b"'a'\"b\"\r\n", b"\"a\\\"\r\n"] {
        check(line, &[], Some(ProtocolError::UnbalancedQuotes));
    }
}

#[test]
fn a_line_is_not_ended_behind_a_nul() {
    for bytes in
        [&b"PING\0\r\nPING\r\n"[..], b"*1\0\r\n$4\r\nPING\r\n", b"*1\r\n\0\r\n", b"*1\r\n$4\0\r\nPING\r\n"]
    {
        check(bytes, &[], None);
    }
}

#[test]
fn what_breaks_the_protocol() {
    for (bytes, error, text) in [
        (&b"*x\r\n"[..], ProtocolError::InvalidCount, "invalid multibulk length"),
        (b"*\r\n", ProtocolError::InvalidCount, "invalid multibulk length"),
        (b"*01\r\n", ProtocolError::InvalidCount, "invalid multibulk length"),
        (b"*2147483648\r\n", ProtocolError::InvalidCount, "invalid multibulk length"),
        (b"*1\r\nfoo\r\n", ProtocolError::ExpectedDollar(b'f'), "expected '$', got 'f'"),
        (b"*1\r\n\r\n", ProtocolError::ExpectedDollar(b'\r'), "expected '$', got ' '"),
        (b"*1\r\n$\r\n", ProtocolError::InvalidBulk, "invalid bulk length"),
        (b"*1\r\n$-1\r\n", ProtocolError::InvalidBulk, "invalid bulk length"),
        (b"*1\r\n$04\r\n", ProtocolError::InvalidBulk, "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", ProtocolError::InvalidBulk, "invalid bulk length"),
    ] {
        check(bytes, &[], Some(error));
        let mut reply = Vec::new();
        error.write_into(&mut reply);
        assert_eq!(String::from_utf8(reply).unwrap(), format!("-ERR Protocol error: {text}\r\n"));
    }
    check(b"*2147483647\r\n", &[], None);
}

#[test]
fn lines_have_a_bound() {
    for (start, error) in [
        (&b""[..], ProtocolError::TooBigInline),
        (b"*", ProtocolError::TooBigCount),
        (b"*1\r\n$", ProtocolError::TooBigBulkCount),
        (b"*1\r\nx", ProtocolError::TooBigBulkCount),
    ] {
        let line_start = if start.len() > 1 { 4 } else { 0 };
        let mut bytes = start.to_vec();
        bytes.resize(line_start + LINE_BYTES_MAX, b'1');
        assert_eq!(Receiver::of(&[&bytes]).error, None);
        assert_eq!(Receiver::of(&[&bytes, b"1"]).error, Some(error));
    }
    let long_line = [&b"a".repeat(LINE_BYTES_MAX + 1000)[..], b"\r\n"].concat();
    assert_eq!(Receiver::of(&[&long_line]).requests.len(), 1);
}

#[test]
fn clients_that_are_not_logged_in_may_announce_little() {
    let strict = |bytes: &[u8]| {
        let limits = Limits::stranger(512 << 20);
        let mut receiver = Receiver { limits, ..Receiver::default() };
        receiver.receive(bytes);
        receiver.error
    };
    assert_eq!(strict(b"*10\r\n$16384\r\n"), None);
    assert_eq!(strict(b"*11\r\n"), Some(ProtocolError::UnauthenticatedCount));
    assert_eq!(strict(b"*2147483648\r\n"), Some(ProtocolError::InvalidCount));
    assert_eq!(strict(b"*1\r\n$16385\r\n"), Some(ProtocolError::UnauthenticatedBulk));
    assert_eq!(strict(b"*1\r\n$536870913\r\n"), Some(ProtocolError::InvalidBulk));
}

#[test]
fn large_bulks_stop_the_parser_at_their_first_byte() {
    for bytes in [LARGE_BULK_BYTES - 1, LARGE_BULK_BYTES, LARGE_BULK_BYTES + 1] {
        let request = vec![b"SET".to_vec(), b"k".to_vec(), vec![b'v'; bytes]];
        let mut wire = encoded(&request);
        let header_bytes = wire.len() - bytes - 2;
        let (mut progress, mut spans, mut scratch) = (Progress::default(), Vec::new(), Vec::new());
        let found = parse(&wire[..header_bytes], &mut progress, &Limits::default(), &mut spans, &mut scratch);
        match bytes < LARGE_BULK_BYTES {
            true => assert_eq!(found, Parse::Incomplete),
            false => assert_eq!((found, progress.position), (Parse::LargeBulk(bytes), header_bytes)),
        }
        let large_first = vec![vec![b'v'; bytes], b"k".to_vec()];
        wire.extend_from_slice(&encoded(&large_first));
        assert_eq!(Receiver::of(&[&wire]).requests, [request, large_first]);
    }
}

#[test]
fn an_argument_that_came_as_a_block_is_shared() {
    let blocks = [Bytes::from(vec![b'v'; LARGE_BULK_BYTES])];
    let spans = [Span::new(0, 3), Span::block(0)];
    let args = Args::new(b"GET", &spans, &blocks);
    assert_eq!((args.len(), args.at(0), args.block_at(0)), (2, &b"GET"[..], None));
    assert_eq!(args.block_at(1).unwrap().as_ptr(), blocks[0].as_ptr());
    assert_eq!(args.tail(1).at(0), &blocks[0][..]);
    assert_eq!([spans[0].rebased(0), spans[1].rebased(7)], spans);
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => proptest::collection::vec(any::<u8>(), 90..120),
        1 => (LARGE_BULK_BYTES - 2..LARGE_BULK_BYTES + 3).prop_map(|bytes| vec![b'*'; bytes]),
    ]
}

fn requests() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    proptest::collection::vec(proptest::collection::vec(word(), 1..13), 1..6)
}

proptest! {
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_requests(
        requests in requests(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let bytes = requests.iter().flat_map(|request| encoded(request)).collect::<Vec<_>>();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let receiver = Receiver::of(&chunks);
        prop_assert_eq!(receiver.error, None);
        prop_assert!(receiver.buffer.is_empty() && receiver.progress == Progress::default());
        prop_assert_eq!(receiver.requests, requests);
    }

    #[test]
    fn no_bytes_make_the_parser_panic_or_forget(
        bytes in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'),
            Just(b'1'), Just(b'"'), Just(b' '), any::<u8>()], 0..60),
        cut in any::<proptest::sample::Index>(),
    ) {
        let cut = cut.index(bytes.len() + 1);
        let whole = Receiver::of(&[&bytes]);
        let parts = Receiver::of(&[&bytes[..cut], &bytes[cut..]]);
        prop_assert_eq!((whole.requests, whole.error), (parts.requests, parts.error));
    }

    #[test]
    fn integers_are_what_the_standard_library_prints(
        text in prop_oneof!["-?[0-9]{1,20}", "[+ ]?-?[0-9a-z ]{0,5}", any::<i64>().prop_map(|number| number.to_string())],
    ) {
        let expected = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        prop_assert_eq!(integer(text.as_bytes()), expected);
    }

    #[test]
    fn decimals_are_what_the_standard_library_prints(number in any::<i64>()) {
        let mut digits = Default::default();
        let expected = number.to_string();
        prop_assert_eq!(decimal(number, &mut digits), expected.as_bytes());
    }
}

#[test]
fn integers_at_the_ends_of_their_range() {
    for number in [0, 1, -1, 9, 10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
        assert_eq!(integer(number.to_string().as_bytes()), Some(number));
        assert_eq!(decimal(number, &mut Default::default()), number.to_string().as_bytes());
    }
    for text in
        ["", "-", "-0", "00", "+0", "9223372036854775808", "-9223372036854775809", "99999999999999999999"]
    {
        assert_eq!(integer(text.as_bytes()), None, "{text}");
    }
}

/// A reply in RESP2 and in RESP3.
fn both(write: impl Fn(&mut Reply)) -> [String; 2] {
    [Resp::Two, Resp::Three].map(|resp| {
        let mut out = Out::default();
        write(&mut Reply::new(&mut out, resp));
        String::from_utf8(out.bytes).unwrap().replace("\r\n", " ")
    })
}

#[test]
fn replies_follow_the_version_of_the_protocol() {
    assert_eq!(both(|reply| reply.null()), ["$-1 ", "_ "]);
    assert_eq!(both(|reply| reply.null_array()), ["*-1 ", "_ "]);
    assert_eq!(both(|reply| reply.map(6)), ["*12 ", "%6 "]);
    assert_eq!(both(|reply| reply.set(10)), ["*10 ", "~10 "]);
    assert_eq!(both(|reply| reply.boolean(true)), [":1 ", "#t "]);
    assert_eq!(both(|reply| reply.boolean(false)), [":0 ", "#f "]);
    assert_eq!(both(|reply| reply.verbatim("txt", b"a b")), ["$3 a b ", "=7 txt:a b "]);
    for (text, write) in [
        ("+OK ", (|reply| reply.ok()) as fn(&mut Reply)),
        ("+a ", |reply| reply.simple("a")),
        ("-ERR a  b ", |reply| reply.error(b"ERR a\r\nb")),
        (":-12 ", |reply| reply.integer(-12)),
        ("$0  ", |reply| reply.bulk(b"")),
        ("$2 -5 ", |reply| reply.bulk_integer(-5)),
        ("*0 ", |reply| reply.array(0)),
    ] {
        assert_eq!(both(write), [text, text]);
    }
}

#[test]
fn large_bulks_ride_along_and_can_be_taken_back() {
    let mut out = Out::default();
    let large = Bytes::from(vec![b'v'; 16 * 1024]);
    Reply::new(&mut out, Resp::Two).shared_bulk(&large);
    let mark = out.mark();
    Reply::new(&mut out, Resp::Two).shared_bulk(&large);
    Reply::new(&mut out, Resp::Two).shared_bulk(&Bytes::from_static(b"x"));
    assert_eq!((out.shared.len(), out.shared[0].0), (2, 8));
    out.truncate(mark);
    assert_eq!((out.shared.len(), out.bytes.len()), (1, 10));
    assert_eq!(out.wire_bytes(), 10 + large.len());
}
