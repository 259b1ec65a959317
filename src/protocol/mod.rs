//! The wire: requests as spans over received bytes, replies as RESP2 or RESP3 bytes.
//!
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/> and redis-server 7.0.15.

pub mod inline;
pub mod reply;
pub mod request;

pub use reply::{Out, Reply, Resp};
pub use request::{Args, Limits, Parse, Progress, ProtocolError, Span};

#[cfg(test)]
mod tests;
