//! Which clients a CLIENT LIST or CLIENT KILL means: the words of the request, and the matching.

use bytes::Bytes;

use crate::commands::call::{ClientFilter, ClientKind};
use crate::commands::client_line::ClientFacts;
use crate::commands::error::CommandError;
use crate::commands::login::DEFAULT_USER;
use crate::protocol::Args;
use crate::protocol::request::integer;

impl ClientFilter {
    /// Reads `CLIENT LIST`, `CLIENT LIST TYPE kind` and `CLIENT LIST ID id ...`.
    pub fn of_list(args: &Args) -> Result<Self, CommandError> {
        if args.len() == 2 {
            return Ok(ClientFilter::default());
        }
        let option = args.at(2);
        if option.eq_ignore_ascii_case(b"TYPE") && args.len() == 4 {
            return Ok(ClientFilter { kind: Some(kind(args.at(3))?), ..ClientFilter::default() });
        }
        if option.eq_ignore_ascii_case(b"ID") && args.len() > 3 {
            let ids = args.iter().skip(3).map(listed_id).collect::<Result<_, _>>()?;
            return Ok(ClientFilter { ids: Some(ids), ..ClientFilter::default() });
        }
        Err(CommandError::Syntax)
    }

    /// What the old form `CLIENT KILL ip:port` means; it may be the client itself.
    pub fn at_address(address: &[u8]) -> Self {
        ClientFilter { address: Some(Bytes::copy_from_slice(address)), ..ClientFilter::default() }
    }

    /// Reads `CLIENT KILL option value ...`; of an option given twice the last value counts.
    pub fn of_kill(args: &Args) -> Result<Self, CommandError> {
        let mut filter = ClientFilter { skip_me: true, ..ClientFilter::default() };
        for index in (2..args.len()).step_by(2) {
            if index + 1 == args.len() {
                return Err(CommandError::Syntax);
            }
            filter.restrict(args.at(index), args.at(index + 1))?;
        }
        Ok(filter)
    }

    fn restrict(&mut self, option: &[u8], value: &[u8]) -> Result<(), CommandError> {
        let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("ID") => self.ids = Some(vec![killed_id(value)?]),
            () if is("TYPE") => self.kind = Some(kind(value)?),
            () if is("ADDR") => self.address = Some(Bytes::copy_from_slice(value)),
            () if is("LADDR") => self.local_address = Some(Bytes::copy_from_slice(value)),
            () if is("USER") => self.user = Some(user(value)?),
            () if is("SKIPME") => self.skip_me = yes_or_no(value)?,
            () => return Err(CommandError::Syntax),
        }
        Ok(())
    }

    /// Whether a client is meant by the client whose id is `asker`.
    pub fn matches(&self, client: &ClientFacts, asker: u64) -> bool {
        let caller = client.caller;
        self.ids.as_ref().is_none_or(|ids| ids.contains(&caller.id))
            && self.kind.is_none_or(|kind| kind == client.kind)
            && self.address.as_ref().is_none_or(|address| *address == client.address())
            && self.local_address.as_ref().is_none_or(|address| *address == client.local_address())
            && self.user.as_ref().is_none_or(|user| user == DEFAULT_USER)
            && !(self.skip_me && caller.id == asker)
    }
}

fn kind(name: &[u8]) -> Result<ClientKind, CommandError> {
    let kinds = [
        ("NORMAL", ClientKind::Normal),
        ("SLAVE", ClientKind::Replica),
        ("REPLICA", ClientKind::Replica),
        ("PUBSUB", ClientKind::PubSub),
        ("MASTER", ClientKind::Master),
    ];
    kinds
        .iter()
        .find(|(word, _)| name.eq_ignore_ascii_case(word.as_bytes()))
        .map(|(_, kind)| *kind)
        .ok_or_else(|| CommandError::quoting("ERR Unknown client type '", name, "'"))
}

/// An id in a list: any integer, although no client has one below 1.
fn listed_id(digits: &[u8]) -> Result<u64, CommandError> {
    let id = integer(digits).ok_or(CommandError::Text("ERR Invalid client ID"))?;
    Ok(u64::try_from(id).unwrap_or(0))
}

fn killed_id(digits: &[u8]) -> Result<u64, CommandError> {
    match integer(digits) {
        Some(id @ 1..) => Ok(id.unsigned_abs()),
        _ => Err(CommandError::Text("ERR client-id should be greater than 0")),
    }
}

fn user(name: &[u8]) -> Result<Bytes, CommandError> {
    match name == DEFAULT_USER {
        true => Ok(Bytes::from_static(DEFAULT_USER)),
        false => Err(CommandError::quoting("ERR No such user '", name, "'")),
    }
}

fn yes_or_no(word: &[u8]) -> Result<bool, CommandError> {
    match word {
        _ if word.eq_ignore_ascii_case(b"YES") => Ok(true),
        _ if word.eq_ignore_ascii_case(b"NO") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}
