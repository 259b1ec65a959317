//! What must hold for the reader of Redis' append-only files, whatever the bytes: the fuzzer and the tests run this on theirs.

use std::io::{BufRead, BufReader};

use basalt::codec::aof::{AofError, Argument, Reader, Step};

const STRING_BYTES_MAX: u64 = 1 << 30;
/// Room that may be made beyond twice of what is there: for a block that was begun.
const SPARE_BYTES_MAX: usize = 2 << 20;

/// How reading ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Clean,
    Torn,
    Wrong(String),
}

/// All requests with the position behind each, and how it ended and where.
type Told = (Vec<(Vec<Vec<u8>>, u64)>, End, u64);

/// The same is told whatever pieces the bytes come in, and no more memory is taken than they are worth.
pub fn logs_are_the_same_in_pieces(bytes: &[u8]) {
    let whole = read(bytes, bytes.len());
    for piece in [1, 7] {
        assert_eq!(read(BufReader::with_capacity(piece, bytes), bytes.len()), whole);
    }
    let (requests, end, position) = whole;
    assert!(requests.is_sorted_by(|(_, before), (_, behind)| before < behind));
    assert!(position <= bytes.len() as u64);
    if end == End::Clean {
        assert_eq!(position, bytes.len() as u64, "nothing is left out");
    }
    // What counts counts as well if nothing comes behind it.
    let (again, end, _) = read(&bytes[..position as usize], bytes.len());
    assert_eq!((again, end), (requests, End::Clean));
}

fn read(input: impl BufRead, bytes: usize) -> Told {
    let mut reader = Reader::new(input, 0, STRING_BYTES_MAX);
    let mut requests = Vec::new();
    let end = loop {
        let step = reader.step();
        let held =
            reader.request.text.capacity() + reader.request.arguments.capacity() * size_of::<Argument>();
        assert!(held <= SPARE_BYTES_MAX + 16 * bytes, "{held} bytes for {bytes}");
        match step {
            Ok(Step::Request) => {
                let words = 0..reader.request.arguments.len();
                requests.push((words.map(|at| reader.request.at(at).to_vec()).collect(), reader.position()));
            }
            Ok(Step::End) => break End::Clean,
            Ok(Step::Torn) => break End::Torn,
            Err(AofError::Read(error)) => panic!("memory can be read: {error}"),
            Err(error) => break End::Wrong(error.to_string()),
        }
    };
    (requests, end, reader.position())
}
