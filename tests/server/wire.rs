//! The comparison behind the protocol tests: what each server says to the same bytes, and whether it then hangs up.

use std::time::Duration;

use super::common::client::Heard;
use super::common::{Launch, Server, shown};

/// Enough for a reply on a quiet machine; a difference is looked at again with the longer one.
const QUIET: Duration = Duration::from_millis(300);
const QUIET_LONG: Duration = Duration::from_millis(2000);

/// A connection of its own, and the bytes sent on it.
pub struct Case {
    pub name: &'static str,
    pub sent: Vec<u8>,
    in_one_piece: bool,
}

impl Case {
    /// Not sent byte by byte: whether a reply is out before the connection is cut depends on the moment.
    pub fn in_one_piece(self) -> Self {
        Case { in_one_piece: true, ..self }
    }
}

pub fn case(name: &'static str, sent: impl Into<Vec<u8>>) -> Case {
    Case { name, sent: sent.into(), in_one_piece: false }
}

/// How the bytes of a case are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Whole,
    /// One in each write, those of all cases in turn.
    Bytewise,
}

/// Cases that are longer are not sent byte by byte.
const BYTEWISE_MAX: usize = 4096;

/// Fails unless both servers say the same, byte by byte, in every case, and close the same connections: whether what is sent
/// comes in one piece or in many.
pub fn compare(cases: &[Case]) {
    compare_with(&[], cases);
}

/// The same for servers that are started with these flags.
pub fn compare_with(flags: &[(&str, &str)], cases: &[Case]) {
    let with_flags =
        |launch: Launch| flags.iter().fold(launch, |launch, (flag, value)| launch.with(flag, value)).start();
    let servers = [with_flags(Launch::basalt().shards(2)), with_flags(Launch::redis())];
    compare_at(&servers, Pace::Whole, &cases.iter().collect::<Vec<_>>());
    let short: Vec<_> =
        cases.iter().filter(|case| !case.in_one_piece && case.sent.len() <= BYTEWISE_MAX).collect();
    compare_at(&servers, Pace::Bytewise, &short);
}

fn compare_at([basalt, redis]: &[Server; 2], pace: Pace, all: &[&Case]) {
    let differing = |cases: &[&Case], quiet| -> Vec<(usize, Heard, Heard)> {
        let replies =
            hear_all(basalt, cases, pace, quiet).into_iter().zip(hear_all(redis, cases, pace, quiet));
        let numbered = replies.enumerate().map(|(index, (ours, theirs))| (index, ours, theirs));
        numbered.filter(|(_, ours, theirs)| ours != theirs).collect()
    };
    // One of the servers may only have been slow.
    let doubtful: Vec<_> = differing(all, QUIET).into_iter().map(|(index, ..)| all[index]).collect();
    let mut text = String::new();
    for (index, ours, theirs) in differing(&doubtful, QUIET_LONG) {
        let case = doubtful[index];
        text += &format!(
            "\n{} ({pace:?}): sent  {}\n    ours:  {}\n    redis: {}\n",
            case.name,
            shown(&case.sent),
            described(&ours),
            described(&theirs)
        );
    }
    assert!(text.is_empty(), "{text}");
}

/// All cases at once, so that their waits overlap.
fn hear_all(server: &Server, cases: &[&Case], pace: Pace, quiet: Duration) -> Vec<Heard> {
    let mut clients: Vec<_> = cases.iter().map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| client.write_timeout(quiet));
    let step = if pace == Pace::Whole { usize::MAX } else { 1 };
    let longest = cases.iter().map(|case| case.sent.len()).max().unwrap_or_default();
    for start in (0..longest).step_by(step) {
        for (client, case) in clients.iter_mut().zip(cases) {
            let rest = case.sent.get(start..).unwrap_or_default();
            // A server that closes at once may reset the connection while we still send.
            let _ = client.try_send(&rest[..rest.len().min(step)]);
        }
    }
    std::thread::sleep(quiet);
    clients.iter_mut().map(|client| client.listen(Duration::from_millis(20))).collect()
}

fn described(heard: &Heard) -> String {
    format!("{} {}", shown(&heard.bytes), if heard.closed { "and closed" } else { "and stayed open" })
}
