//! Commands against one key space in memory: requests as words, replies as the bytes that clients see.

mod bitmaps;
mod client;
mod deadlines;
mod executor;
mod grammar;
mod introspection;
mod keys;
mod page;
mod payloads;
mod string_parts;
mod strings;

use executor::Executor;

/// Runs requests one after another and compares the replies, whose line ends are written as spaces.
///
/// A request that the session or the core would have to finish replies with what it asks for: `ask ClientInfo`.
fn script(exchanges: &[(&str, &str)]) {
    script_on(&mut Executor::new(), exchanges);
}

fn script_on(executor: &mut Executor, exchanges: &[(&str, &str)]) {
    for (request, expected) in exchanges {
        let reply = executor.run_line(request);
        assert_eq!(&reply, expected, "reply to {request}");
    }
}
