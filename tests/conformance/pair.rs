//! Two connections, one to each server, that are told the same.

use std::io::{self, ErrorKind};

use super::common::{Client, Server, Value};
use super::generate::Request;

pub struct Pair {
    basalt: Client,
    redis: Client,
}

/// What came for one request.
pub enum Outcome {
    /// Ours and theirs.
    Replies(Value, Value),
    BothClosed,
    /// One answered where the other did not, or neither did in time.
    Apart(String),
}

impl Pair {
    pub fn connect(basalt: &Server, redis: &Server, hello: &str) -> Self {
        let mut pair = Pair { basalt: basalt.client(), redis: redis.client() };
        for client in [&mut pair.basalt, &mut pair.redis] {
            let reply = client.ask(hello);
            assert!(!reply.is_error(), "{hello}: {reply:?}");
        }
        pair
    }

    pub fn send(&mut self, batch: &[Request]) {
        let bytes: Vec<u8> = batch.iter().flat_map(Request::bytes).collect();
        for client in [&mut self.basalt, &mut self.redis] {
            // A request early in the batch may close the connection; reading shows it.
            let _ = client.try_send(&bytes);
        }
    }

    pub fn read(&mut self) -> Outcome {
        let (ours, theirs) = (self.basalt.try_read(), self.redis.try_read());
        let is_closed = |reply: &io::Result<Value>| {
            reply.as_ref().is_err_and(|error| error.kind() == ErrorKind::UnexpectedEof)
        };
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => Outcome::Replies(ours, theirs),
            (ours, theirs) if is_closed(&ours) && is_closed(&theirs) => Outcome::BothClosed,
            (ours, theirs) => {
                Outcome::Apart(format!("\n  ours:  {}\n  redis: {}", heard(ours), heard(theirs)))
            }
        }
    }
}

fn heard(reply: io::Result<Value>) -> String {
    match reply {
        Ok(value) => format!("{value:?}"),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => "closed the connection".into(),
        Err(error) => format!("no reply in time: {error}"),
    }
}
