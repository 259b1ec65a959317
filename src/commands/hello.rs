//! HELLO: the version of the protocol, login and the client's name in one request.

use crate::commands::call::{Next, SessionCall};
use crate::commands::client::set_name;
use crate::commands::error::CommandError;
use crate::commands::login::log_in;
use crate::protocol::Resp;
use crate::protocol::request::integer;

/// The version of Redis whose behaviour we have.
pub const REDIS_VERSION: &str = "7.0.15";

pub fn hello(call: &mut SessionCall) -> Result<Next, CommandError> {
    let resp = match call.args.len() {
        1 => call.caller.resp,
        _ => version(call.args.at(1))?,
    };
    // The options before a wrong one have their effect, as in Redis.
    let mut index = 2;
    while index < call.args.len() {
        index += option(call, index)?;
    }
    if !call.caller.is_authenticated {
        return Err(CommandError::Text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    call.caller.resp = resp;
    call.reply.resp = resp;
    introduce(call);
    Ok(Next::Done)
}

fn version(digits: &[u8]) -> Result<Resp, CommandError> {
    match integer(digits) {
        Some(2) => Ok(Resp::Two),
        Some(3) => Ok(Resp::Three),
        Some(_) => Err(CommandError::Text("NOPROTO unsupported protocol version")),
        None => Err(CommandError::Text("ERR Protocol version is not an integer or out of range")),
    }
}

/// Follows the option at `index`; gives the number of its words.
fn option(call: &mut SessionCall, index: usize) -> Result<usize, CommandError> {
    let word = call.args.at(index);
    let words_left = call.args.len() - index;
    if word.eq_ignore_ascii_case(b"AUTH") && words_left > 2 {
        log_in(call, call.args.at(index + 1), call.args.at(index + 2))?;
        return Ok(3);
    }
    if word.eq_ignore_ascii_case(b"SETNAME") && words_left > 1 {
        set_name(call.caller, call.args.at(index + 1))?;
        return Ok(2);
    }
    Err(CommandError::quoting("ERR Syntax error in HELLO option '", word, "'"))
}

fn introduce(call: &mut SessionCall) {
    let (reply, version) = match call.caller.resp {
        Resp::Two => (&mut call.reply, 2),
        Resp::Three => (&mut call.reply, 3),
    };
    reply.map(7);
    for (name, text) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(version);
    reply.bulk(b"id");
    reply.integer(call.caller.id as i64);
    for (name, text) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}
