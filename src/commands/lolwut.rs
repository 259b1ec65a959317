//! LOLWUT: columns of basalt, and the version that clients look for behind them.

use crate::commands::call::{Next, SessionCall};
use crate::commands::error::CommandError;
use crate::commands::hello::REDIS_VERSION;
use crate::commands::numbers;

/// How many columns there are when nobody says, and at most.
const COLUMNS: i64 = 20;
const COLUMNS_MAX: i64 = 200;
const HEIGHT: u64 = 8;

/// Art only for the versions that have some; other words mean nothing, as in Redis.
pub fn lolwut(call: &mut SessionCall) -> Result<Next, CommandError> {
    let mut text = String::new();
    if call.args.len() > 2 && call.args.at(1).eq_ignore_ascii_case(b"VERSION") {
        let version = numbers::long(call.args.at(2))?;
        if version == 5 || version == 6 {
            let columns = if call.args.len() > 3 { numbers::long(call.args.at(3))? } else { COLUMNS };
            draw(columns.clamp(1, COLUMNS_MAX) as u64, call.turn.now_us, &mut text);
            text.push_str("\nCliff of basalt, each column by itself. ");
        }
    }
    text.push_str(&format!("Redis ver. {REDIS_VERSION}\n"));
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Next::Done)
}

/// Columns whose heights are by chance, with their broken tops.
fn draw(columns: u64, seed: u64, text: &mut String) {
    let height =
        |column: u64| 1 + (seed ^ column).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) % HEIGHT;
    for row in (0..=HEIGHT).rev() {
        for column in 0..columns {
            text.push_str(match height(column) {
                top if top == row => "/\\",
                top if top > row => "||",
                _ => "  ",
            });
        }
        text.push('\n');
    }
}
