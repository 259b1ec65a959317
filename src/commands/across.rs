//! Commands that read some of their keys and store at another, wherever they live.

use crate::commands::call::Call;
use crate::commands::error::CommandError;
use crate::commands::row::Command;
use crate::keyspace::Copied;

/// The three steps of such a command. Each sees the whole request, and nothing else happens to its keys in between.
pub struct Across {
    /// The index of the argument that names the key to store at.
    pub destination: u8,
    /// Reads the key in `call.key`, one of the others, on the shard that owns it.
    pub fetch: fn(&mut Call) -> Result<Fetched, CommandError>,
    /// Stores at the destination, which is `call.key`, and replies. The keys that were read come in the order of the request.
    pub store: fn(&mut Call, Vec<Fetched>) -> Result<Stored, CommandError>,
    /// Does to each key that was read, in `call.key`, what is left to do when the others have stored.
    pub finish: Option<fn(&mut Call)>,
}

/// A key that was read: a copy of it, or `None` if it was absent.
pub type Fetched = Option<Copied>;

/// What became of the key to store at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Yes,
    /// Nothing is left to do.
    No,
}

impl Across {
    /// Indices of the arguments that name keys to be read.
    pub fn sources(&self, command: &Command, argument_count: usize) -> impl Iterator<Item = usize> + use<> {
        let destination = usize::from(self.destination);
        command.key_indices(argument_count).filter(move |&index| index != destination)
    }

    /// Takes all steps at once, on the shard that has all keys.
    pub fn run(&self, command: &Command, call: &mut Call) -> Result<(), CommandError> {
        let mut fetched = Vec::new();
        for index in self.sources(command, call.args.len()) {
            call.key = call.key_at(index);
            fetched.push((self.fetch)(call)?);
        }
        call.key = call.key_at(self.destination.into());
        let stored = (self.store)(call, fetched)?;
        if let (Stored::Yes, Some(finish)) = (stored, self.finish) {
            for index in self.sources(command, call.args.len()) {
                call.key = call.key_at(index);
                finish(call);
            }
        }
        Ok(())
    }
}
