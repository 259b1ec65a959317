//! The bytes that stand where a value's type could: what is said about keys, databases and the file.

pub const FUNCTION: u8 = 245;
/// As candidates of Redis 7.0 wrote functions.
pub const FUNCTION_OLD: u8 = 246;
pub const MODULE_AUX: u8 = 247;
/// Seconds since the next key was used.
pub const IDLE: u8 = 248;
/// How often the next key is used, by its logarithmic counter.
pub const FREQUENCY: u8 = 249;
pub const AUX: u8 = 250;
pub const RESIZE: u8 = 251;
pub const EXPIRE_MS: u8 = 252;
pub const EXPIRE_S: u8 = 253;
pub const SELECT: u8 = 254;
pub const END: u8 = 255;
