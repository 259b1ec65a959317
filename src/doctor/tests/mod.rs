//! The doctor against hosts made of a few files, so that nothing depends on the machine that runs the tests.

mod documents;
mod hosts;
mod output;
mod rules;
mod sets;

pub use self::hosts::{Fake, GOOD_HOST};
