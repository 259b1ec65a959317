//! What the integration tests share: a server process, a raw client, replies as values, chance from a seed.

#![allow(dead_code, reason = "each test program uses its own part")]

pub mod client;
pub mod oracle;
pub mod random;
pub mod server;
pub mod value;

pub use client::Client;
pub use server::{Launch, Server};
pub use value::Value;

/// A request in its RESP form.
pub fn request<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The words of a line as a request: for tests whose arguments have no spaces.
pub fn words(line: &str) -> Vec<u8> {
    request(&line.split_whitespace().collect::<Vec<_>>())
}

/// Bytes for a person to read.
pub fn shown(bytes: &[u8]) -> String {
    const BYTES_MAX: usize = 400;
    let cut = &bytes[..bytes.len().min(BYTES_MAX)];
    let rest = bytes.len() - cut.len();
    match rest {
        0 => cut.escape_ascii().to_string(),
        _ => format!("{}... and {rest} bytes more", cut.escape_ascii()),
    }
}
