//! Requests come back as they were written, and where a file ends or is wrong is told to the byte.

use proptest::prelude::*;

use super::{AofError, BLOCK_BYTES_MIN, Reader, Request, Step};

const STRING_BYTES_MAX: u64 = 1 << 20;

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::new(bytes, 0, STRING_BYTES_MAX)
}

fn words(request: &Request) -> Vec<Vec<u8>> {
    (0..request.arguments.len()).map(|index| request.at(index).to_vec()).collect()
}

fn written(requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut out = Vec::new();
    for request in requests {
        out.extend_from_slice(format!("*{}\r\n", request.len()).as_bytes());
        for word in request {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

#[test]
fn remarks_are_passed_over_and_positions_are_behind_requests() {
    let text = b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n#TS:1\r\n";
    let mut reader = reader(text);
    assert_eq!(reader.step().expect("good"), Step::Request);
    assert_eq!((words(&reader.request), reader.position()), (vec![b"PING".to_vec()], 30));
    assert_eq!(reader.step().expect("good"), Step::End);
    assert_eq!(reader.position(), text.len() as u64);
}

#[test]
fn what_is_no_request_is_refused_where_it_begins() {
    let good = "*1\r\n$4\r\nPING\r\n";
    for bad in [
        "hello\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*\r\n",
        "*1x\r\n",
        "*1\r\n+4\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$4\r\nPINGxx",
        "*99999999999999999999\r\n",
        &"x".repeat(128),
    ] {
        let text = format!("{good}{bad}");
        let mut reader = reader(text.as_bytes());
        assert_eq!(reader.step().expect("good"), Step::Request);
        assert!(matches!(reader.step(), Err(AofError::Format)), "{bad}");
        assert_eq!(reader.position(), good.len() as u64, "{bad}");
    }
}

#[test]
fn no_room_is_made_for_what_is_only_claimed() {
    let mut claims = reader(b"*2147483647\r\n$1\r\na\r\n$1048576\r\nabc");
    assert_eq!(claims.step().expect("no error"), Step::Torn);
    assert!(claims.request.arguments.capacity() < 100 && claims.request.text.capacity() < 100);
    assert!(matches!(reader(b"*1\r\n$1048577\r\n").step(), Err(AofError::TooLong(1_048_577))));
}

proptest! {
    #[test]
    fn requests_come_back_and_a_cut_is_seen(
        requests in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..40),
                    (BLOCK_BYTES_MIN - 2..BLOCK_BYTES_MIN + 2).prop_map(|bytes| vec![b'b'; bytes]),
                ],
                1..5,
            ),
            0..6,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = written(&requests);
        let length = cut.index(bytes.len() + 1);
        let mut reader = reader(&bytes[..length]);
        let mut read = Vec::new();
        let end = loop {
            match reader.step().expect("what is there is good") {
                Step::Request => read.push(words(&reader.request)),
                end => break end,
            }
        };
        prop_assert!(requests.starts_with(&read));
        let whole = written(&read).len();
        prop_assert_eq!(reader.position(), whole as u64);
        prop_assert_eq!(end == Step::End, whole == length);
        prop_assert!(length < bytes.len() || read.len() == requests.len());
    }
}
