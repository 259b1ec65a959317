//! Comparing what comes on one connection with what has to come.

use std::collections::VecDeque;

use super::model::{Model, Question};
use crate::load::Failure;
use crate::reply::ReplyParser;

/// Examples of wrong replies that are kept.
pub const EXAMPLES_MAX: usize = 5;
/// Bytes of a reply that an example shows.
const EXAMPLE_BYTES_MAX: usize = 80;

/// What was found so far, on all connections.
#[derive(Default)]
pub struct Findings {
    pub checked: u64,
    /// Replies that are not what the model says, those that are missing among them.
    pub wrong: u64,
    /// Replies that hold nothing where a value was written.
    pub missing: u64,
    /// Right or wrong, but after the time allowed.
    pub late: u64,
    pub slowest_ns: u64,
    pub examples: Vec<String>,
}

/// A connection's requests without a reply, and the bytes of a reply that has not ended.
pub struct Checker {
    pub model: Model,
    awaited: VecDeque<Awaited>,
    received: Vec<u8>,
    late_ns: u64,
}

struct Awaited {
    question: Question,
    at_ns: u64,
}

impl Checker {
    pub fn new(model: Model, late_ns: u64) -> Checker {
        Checker { model, awaited: VecDeque::new(), received: Vec::new(), late_ns }
    }

    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Adds a question to a batch that is sent now.
    pub fn send(&mut self, question: Question, at_ns: u64, batch: &mut Vec<u8>) {
        batch.extend_from_slice(&question.request);
        self.awaited.push_back(Awaited { question, at_ns });
    }

    pub fn receive(&mut self, bytes: &[u8], now_ns: u64, findings: &mut Findings) -> Result<(), Failure> {
        self.received.extend_from_slice(bytes);
        let mut at = 0;
        while at < self.received.len() {
            let rest = &self.received[at..];
            let Some(awaited) = self.awaited.front() else { return Err(Failure::TooManyReplies) };
            let expected = &awaited.question.reply;
            let (length, is_right) = if rest.starts_with(expected) {
                (expected.len(), true)
            } else if expected.starts_with(rest) {
                break;
            } else {
                match reply_bytes(rest)? {
                    Some(length) => (length, false),
                    None => break,
                }
            };
            let waited_ns = now_ns.saturating_sub(awaited.at_ns);
            findings.checked += 1;
            findings.late += u64::from(waited_ns > self.late_ns);
            findings.slowest_ns = findings.slowest_ns.max(waited_ns);
            if !is_right {
                findings.note_wrong(&awaited.question, &rest[..length]);
                let keys = awaited.question.keys.clone();
                keys.into_iter().for_each(|key| self.model.forget(key));
            }
            self.awaited.pop_front();
            at += length;
        }
        self.received.drain(..at);
        Ok(())
    }
}

impl Findings {
    pub fn add(&mut self, other: Findings) {
        self.checked += other.checked;
        self.wrong += other.wrong;
        self.missing += other.missing;
        self.late += other.late;
        self.slowest_ns = self.slowest_ns.max(other.slowest_ns);
        let room = EXAMPLES_MAX - self.examples.len();
        self.examples.extend(other.examples.into_iter().take(room));
    }

    fn note_wrong(&mut self, question: &Question, reply: &[u8]) {
        self.wrong += 1;
        self.missing += u64::from(nothings(reply) > nothings(&question.reply));
        if self.examples.len() < EXAMPLES_MAX {
            let (asked, expected, came) = (show(&question.request), show(&question.reply), show(reply));
            self.examples.push(format!("{asked}: {came} instead of {expected}"));
        }
    }
}

/// How often a reply says that there is nothing. Values hold letters and digits only, so they cannot say it.
fn nothings(reply: &[u8]) -> usize {
    let count = |nothing: &[u8]| reply.windows(nothing.len()).filter(|part| *part == nothing).count();
    count(b"$-1\r\n") + count(b"_\r\n")
}

/// The length of the reply at the beginning of some bytes, if it ends in them.
fn reply_bytes(bytes: &[u8]) -> Result<Option<usize>, Failure> {
    let mut parser = ReplyParser::default();
    for (index, byte) in bytes.iter().enumerate() {
        if parser.feed(&[*byte], &mut |_, _| ())? > 0 {
            return Ok(Some(index + 1));
        }
    }
    Ok(None)
}

/// Protocol bytes on one line, shortened.
fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXAMPLE_BYTES_MAX)]);
    let more = if bytes.len() > EXAMPLE_BYTES_MAX { "..." } else { "" };
    format!("\"{}{more}\"", text.trim_end().replace("\r\n", " "))
}

#[cfg(test)]
mod tests {
    use super::{Checker, Findings};
    use crate::access::Protocol;
    use crate::load::Failure;
    use crate::verify::model::{Model, Question};

    fn checker(replies: &[&str]) -> Checker {
        let model = Model::new("k".to_owned(), 4, 5, Protocol::Resp2, 1);
        let mut checker = Checker::new(model, 1000);
        for reply in replies {
            let question =
                Question { request: b"*1\r\n".to_vec(), reply: reply.as_bytes().to_vec(), keys: vec![0] };
            checker.send(question, 0, &mut Vec::new());
        }
        checker
    }

    #[test]
    fn replies_are_compared_wherever_they_are_cut() {
        let replies = ["+OK\r\n", "$5\r\nhello\r\n", ":12\r\n", "*2\r\n$1\r\na\r\n$-1\r\n"];
        // The second has a wrong letter, the third another number of digits.
        let stream = b"+OK\r\n$5\r\nhellO\r\n:123\r\n*2\r\n$1\r\na\r\n$-1\r\n";
        for size in 1..=stream.len() {
            let (mut checker, mut findings) = (checker(&replies), Findings::default());
            for part in stream.chunks(size) {
                checker.receive(part, 500, &mut findings).unwrap();
            }
            assert_eq!((findings.checked, findings.wrong, findings.missing, findings.late), (4, 2, 0, 0));
            assert_eq!((checker.awaited(), checker.received.len()), (0, 0));
            assert!(findings.examples[0].contains("hellO") && findings.examples[0].contains("hello"));
        }
    }

    #[test]
    fn nothing_instead_of_a_value_is_missing_and_slow_is_late() {
        let (mut checker, mut findings) =
            (checker(&["$1\r\na\r\n", "$-1\r\n", "$-1\r\n"]), Findings::default());
        checker.receive(b"$-1\r\n$1\r\nb\r\n", 2000, &mut findings).unwrap();
        assert_eq!((findings.wrong, findings.missing, findings.late), (2, 1, 2));
        checker.receive(b"$-1\r\n", 900, &mut findings).unwrap();
        assert_eq!((findings.checked, findings.wrong, findings.late), (3, 2, 2));
        let more = checker.receive(b"+OK\r\n", 900, &mut findings);
        assert!(matches!(more, Err(Failure::TooManyReplies)));
    }
}
