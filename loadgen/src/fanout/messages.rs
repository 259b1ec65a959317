//! Messages that carry the time they were sent, and finding them again in what a subscriber receives.

use crate::access::Protocol;
use crate::template::value_text;

/// Digits of the time, in nanoseconds.
pub const TIME_DIGITS: usize = 20;

/// Requests to publish on one channel, and messages of it as they are delivered.
pub struct Channel {
    request: Vec<u8>,
    /// Everything of a delivered message before the time.
    head: Vec<u8>,
    message_bytes: usize,
    time_position: usize,
    pub subscribe: Vec<u8>,
    /// What confirms the subscription.
    pub subscribed: Vec<u8>,
}

/// The bytes do not follow from what was published.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a subscriber receives something that was not published to it: {0:?}")]
pub struct StrangeMessage(pub String);

impl Channel {
    pub fn new(name: &str, payload_bytes: usize, protocol: Protocol) -> Channel {
        assert!(payload_bytes >= TIME_DIGITS, "the command line asks for as much");
        let push = if protocol == Protocol::Resp3 { '>' } else { '*' };
        let text = value_text(payload_bytes - TIME_DIGITS);
        let named = format!("${}\r\n{name}\r\n", name.len());
        let mut request = format!("*3\r\n$7\r\nPUBLISH\r\n{named}${payload_bytes}\r\n").into_bytes();
        let time_position = request.len();
        request.extend_from_slice(format!("{}{text}\r\n", "0".repeat(TIME_DIGITS)).as_bytes());
        let head = format!("{push}3\r\n$7\r\nmessage\r\n{named}${payload_bytes}\r\n").into_bytes();
        Channel {
            message_bytes: head.len() + payload_bytes + 2,
            request,
            head,
            time_position,
            subscribe: format!("*2\r\n$9\r\nSUBSCRIBE\r\n{named}").into_bytes(),
            subscribed: format!("{push}3\r\n$9\r\nsubscribe\r\n{named}:1\r\n").into_bytes(),
        }
    }

    /// Appends a request to publish a message of that time.
    pub fn publish(&self, time_ns: u64, batch: &mut Vec<u8>) {
        let at = batch.len() + self.time_position;
        batch.extend_from_slice(&self.request);
        let mut rest = time_ns;
        for digit in batch[at..at + TIME_DIGITS].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }

    /// The time of a whole delivered message.
    fn read(&self, message: &[u8]) -> Result<u64, StrangeMessage> {
        let strange =
            || StrangeMessage(String::from_utf8_lossy(&message[..message.len().min(80)]).into_owned());
        let rest = message.strip_prefix(&self.head[..]).ok_or_else(strange)?;
        rest[..TIME_DIGITS]
            .iter()
            .try_fold(0u64, |time, digit| match digit {
                b'0'..=b'9' => time.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
                _ => None,
            })
            .ok_or_else(strange)
    }
}

/// The bytes of a message that has not come as a whole.
#[derive(Default)]
pub struct Inbox {
    partial: Vec<u8>,
}

impl Inbox {
    /// Shows the time of every message that ends in these bytes.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        channel: &Channel,
        mut on_message: impl FnMut(u64),
    ) -> Result<(), StrangeMessage> {
        if !self.partial.is_empty() {
            let more = (channel.message_bytes - self.partial.len()).min(bytes.len());
            let (head, tail) = bytes.split_at(more);
            self.partial.extend_from_slice(head);
            bytes = tail;
            if self.partial.len() < channel.message_bytes {
                return Ok(());
            }
            on_message(channel.read(&self.partial)?);
            self.partial.clear();
        }
        let messages = bytes.chunks_exact(channel.message_bytes);
        self.partial.extend_from_slice(messages.remainder());
        for message in messages {
            on_message(channel.read(message)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Inbox};
    use crate::access::Protocol;

    #[test]
    fn messages_tell_their_time_wherever_they_are_cut() {
        let channel = Channel::new("news", 25, Protocol::Resp2);
        let mut request = Vec::new();
        channel.publish(7, &mut request);
        channel.publish(123_456_789_012, &mut request);
        let text = String::from_utf8(request).unwrap();
        assert!(
            text.starts_with("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$25\r\n00000000000000000007"),
            "{text}"
        );
        let stream = text.replace("PUBLISH", "message");
        for size in 1..=stream.len() {
            let (mut inbox, mut times) = (Inbox::default(), Vec::new());
            for part in stream.as_bytes().chunks(size) {
                inbox.receive(part, &channel, |time| times.push(time)).unwrap();
            }
            assert_eq!((times, inbox.partial.len()), (vec![7, 123_456_789_012], 0));
        }
    }

    #[test]
    fn anything_else_is_strange() {
        let channel = Channel::new("news", 20, Protocol::Resp3);
        let other = Channel::new("olds", 20, Protocol::Resp3);
        let mut request = Vec::new();
        other.publish(7, &mut request);
        let stream =
            String::from_utf8(request).unwrap().replace("*3\r\n$7\r\nPUBLISH", ">3\r\n$7\r\nmessage");
        assert!(Inbox::default().receive(stream.as_bytes(), &channel, |_| ()).is_err());
        assert!(Inbox::default().receive(stream.as_bytes(), &other, |_| ()).is_ok());
    }
}
