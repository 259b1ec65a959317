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
}

pub fn case(name: &'static str, sent: impl Into<Vec<u8>>) -> Case {
    Case { name, sent: sent.into() }
}

/// Fails unless both servers say the same, byte by byte, in every case, and close the same connections.
pub fn compare(cases: &[Case]) {
    let basalt = Launch::basalt().shards(2).start();
    let redis = Launch::redis().start();
    let differing = |cases: &[&Case], quiet| -> Vec<(usize, Heard, Heard)> {
        let replies = hear_all(&basalt, cases, quiet).into_iter().zip(hear_all(&redis, cases, quiet));
        let numbered = replies.enumerate().map(|(index, (ours, theirs))| (index, ours, theirs));
        numbered.filter(|(_, ours, theirs)| ours != theirs).collect()
    };
    let all: Vec<_> = cases.iter().collect();
    // One of the servers may only have been slow.
    let doubtful: Vec<_> = differing(&all, QUIET).into_iter().map(|(index, ..)| all[index]).collect();
    let mut text = String::new();
    for (index, ours, theirs) in differing(&doubtful, QUIET_LONG) {
        let case = doubtful[index];
        text += &format!(
            "\n{}: sent  {}\n    ours:  {}\n    redis: {}\n",
            case.name,
            shown(&case.sent),
            described(&ours),
            described(&theirs)
        );
    }
    assert!(text.is_empty(), "{text}");
}

/// All cases at once, so that their waits overlap.
fn hear_all(server: &Server, cases: &[&Case], quiet: Duration) -> Vec<Heard> {
    let mut clients: Vec<_> = cases
        .iter()
        .map(|case| {
            let mut client = server.client();
            client.write_timeout(quiet);
            // A server that closes at once may reset the connection while we still send.
            let _ = client.try_send(&case.sent);
            client
        })
        .collect();
    std::thread::sleep(quiet);
    clients.iter_mut().map(|client| client.listen(Duration::from_millis(20))).collect()
}

fn described(heard: &Heard) -> String {
    format!("{} {}", shown(&heard.bytes), if heard.closed { "and closed" } else { "and stayed open" })
}
