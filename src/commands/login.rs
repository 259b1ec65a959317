//! Who a client is: AUTH, and the login that HELLO may bring.

use crate::commands::call::{Next, SessionCall};
use crate::commands::error::CommandError;

/// The only user there is.
pub const DEFAULT_USER: &[u8] = b"default";

pub fn auth(call: &mut SessionCall) -> Result<Next, CommandError> {
    match call.args.len() {
        2 if call.turn.password.is_none() => {
            return Err(CommandError::Text(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
            ));
        }
        2 => log_in(call, DEFAULT_USER, call.args.at(1))?,
        3 => log_in(call, call.args.at(1), call.args.at(2))?,
        _ => return Err(CommandError::Syntax),
    }
    call.reply.ok();
    Ok(Next::Done)
}

/// Lets the client in if this is a user and its password. A failure leaves it what it was.
pub fn log_in(call: &mut SessionCall, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    // Compared even for a user that does not exist: the time must not tell which of the two was wrong.
    let is_password = call.turn.password.is_none_or(|secret| secret.is(password));
    if !is_password || user != DEFAULT_USER {
        return Err(CommandError::Text("WRONGPASS invalid username-password pair or user is disabled."));
    }
    call.caller.log_in();
    Ok(())
}
