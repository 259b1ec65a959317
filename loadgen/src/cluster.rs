//! Which node of a cluster serves which key, from CLUSTER SLOTS and from replies that say MOVED.

use std::fmt;
use std::io;

use crc::{CRC_16_XMODEM, Crc};

use crate::access::Access;
use crate::plain::{ExchangeError, PlainConnection, request};
use crate::target::Target;
use crate::value::Value;

pub const SLOTS: usize = 16_384;
const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
/// The owner of slots that nobody serves, or a node that there is no connection to.
const NOBODY: u16 = u16::MAX;
/// Most nodes that are connected to.
const NODES_MAX: usize = 1000;

/// A node, by its place among those of the map.
pub type Node = u16;

/// The owner of every slot.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotMap {
    owners: Vec<Node>,
    nodes: Vec<(String, u16)>,
}

/// Why the owners are not known.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("cannot ask {target} for the slots of its cluster: {source}")]
    Ask { target: Target, source: ExchangeError },
    #[error("{target} does not tell the slots of its cluster: {text}")]
    Refused { target: Target, text: String },
    #[error("{target} tells of its cluster what cannot be understood")]
    Unclear { target: Target },
    #[error("no node of the cluster serves any slot")]
    Empty,
    #[error("a cluster needs a host and a port to begin with, not a Unix socket")]
    UnixSocket,
}

impl SlotMap {
    /// Asks one node.
    pub fn fetch(access: &Access) -> Result<SlotMap, ClusterError> {
        let Target::Tcp { host, .. } = &access.target else { return Err(ClusterError::UnixSocket) };
        let target = || access.target.clone();
        let ask = |source| ClusterError::Ask { target: target(), source };
        let connect = || -> io::Result<PlainConnection> { PlainConnection::new(access.connect()?) };
        let mut connection = connect().map_err(|error| ask(error.into()))?;
        let reply = connection.fetch(&request(&["CLUSTER", "SLOTS"]), 1).map_err(ask)?;
        let reply = reply.map_err(|text| ClusterError::Refused { target: target(), text })?;
        let map = Value::read(&reply).and_then(|reply| SlotMap::read(&reply, host));
        let map = map.ok_or_else(|| ClusterError::Unclear { target: target() })?;
        if map.nodes.is_empty() { Err(ClusterError::Empty) } else { Ok(map) }
    }

    /// Reads ranges of slots, each with its nodes, the first of which is the one to ask. A node that does not know its
    /// own address is where we asked.
    fn read(reply: &Value, asked_host: &str) -> Option<SlotMap> {
        let mut map = SlotMap { owners: vec![NOBODY; SLOTS], nodes: Vec::new() };
        for range in reply.array()? {
            let [first, last, primary, ..] = range.array()? else { return None };
            let [host, port, ..] = primary.array()? else { return None };
            let host = host.text().filter(|host| !host.is_empty()).unwrap_or(asked_host);
            let node = map.find_or_add(host, u16::try_from(port.integer()?).ok()?)?;
            let (first, last) =
                (usize::try_from(first.integer()?).ok()?, usize::try_from(last.integer()?).ok()?);
            map.owners.get_mut(first..=last)?.fill(node);
        }
        Some(map)
    }

    fn find_or_add(&mut self, host: &str, port: u16) -> Option<Node> {
        if let Some(node) = self.find(host, port) {
            return Some(node);
        }
        self.nodes.push((host.to_owned(), port));
        (self.nodes.len() <= NODES_MAX).then(|| (self.nodes.len() - 1) as Node)
    }

    fn find(&self, host: &str, port: u16) -> Option<Node> {
        let place = self.nodes.iter().position(|node| (node.0.as_str(), node.1) == (host, port));
        place.map(|place| place as Node)
    }

    /// How to get into each node.
    pub fn accesses(&self, access: &Access) -> Vec<Access> {
        let target = |(host, port): &(String, u16)| Target::Tcp { host: host.clone(), port: *port };
        self.nodes.iter().map(|node| access.at(target(node))).collect()
    }

    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub fn owner(&self, key: &[u8]) -> Node {
        self.owners[slot(key)]
    }

    /// Where to send a request that a node has redirected: to a node of the map, or to nobody we know.
    pub fn redirected(&self, redirect: &Redirect, from: Node) -> Option<Node> {
        // A node that does not know its own address is where we asked.
        let asked = self.nodes.get(usize::from(from)).map_or("", |(host, _)| host);
        let host = if redirect.host.is_empty() { asked } else { &redirect.host };
        self.find(host, redirect.port)
    }

    /// Learns who owns a slot.
    pub fn note_owner(&mut self, redirect: &Redirect, owner: Option<Node>) {
        if redirect.kind == RedirectKind::Moved {
            self.owners[redirect.slot] = owner.unwrap_or(NOBODY);
        }
    }
}

/// Where a slot has gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    pub kind: RedirectKind,
    slot: usize,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RedirectKind {
    /// For good.
    Moved,
    /// For one request, as the slot is under way.
    Ask,
}

impl Redirect {
    /// Reads the text of an error such as `MOVED 3999 127.0.0.1:6381`, if it is one of these.
    pub fn read(text: &[u8]) -> Option<Redirect> {
        let (kind, rest) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        let kind = match kind {
            "MOVED" => RedirectKind::Moved,
            "ASK" => RedirectKind::Ask,
            _ => return None,
        };
        let (slot, address) = rest.split_once(' ')?;
        let (host, port) = address.rsplit_once(':')?;
        let slot = slot.parse().ok().filter(|slot| *slot < SLOTS)?;
        Some(Redirect { kind, slot, host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Redirect { kind, slot, host, port } = self;
        let kind = if *kind == RedirectKind::Moved { "MOVED" } else { "ASK" };
        write!(formatter, "{kind} {slot} {host}:{port}")
    }
}

/// The slot of a key: of the part between its first braces, if there is one.
pub fn slot(key: &[u8]) -> usize {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    usize::from(CRC.checksum(tag.unwrap_or(key))) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, Redirect, SlotMap, slot};
    use crate::value::Value;

    #[test]
    fn keys_have_the_slots_that_servers_give_them() {
        // As redis-server answers CLUSTER KEYSLOT.
        for (key, expected) in
            [("123456789", 12_739), ("foo", 12_182), ("{user1000}.following", 3443), ("", 0)]
        {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
        assert_eq!(slot(b"{user1000}.a"), slot(b"user1000"));
        assert_ne!(slot(b"{}.a"), slot(b"{}.b"));
    }

    #[test]
    fn ranges_and_moves_make_the_map() {
        let reply = "*2\r\n*3\r\n:0\r\n:9999\r\n*3\r\n$1\r\na\r\n:1\r\n$2\r\nid\r\n\
                     *3\r\n:10000\r\n:16382\r\n*3\r\n$0\r\n\r\n:2\r\n$2\r\nid\r\n";
        let mut map = SlotMap::read(&Value::read(reply.as_bytes()).unwrap(), "asked").unwrap();
        assert_eq!(map.nodes, [("a".to_owned(), 1), ("asked".to_owned(), 2)]);
        assert_eq!((map.owners[0], map.owners[10_000], map.owners[16_383]), (0, 1, NOBODY));
        for text in ["MOVED 5 asked:2", "MOVED 6 elsewhere:3", "ASK 7 asked:2"] {
            let redirect = Redirect::read(text.as_bytes()).unwrap();
            let owner = map.redirected(&redirect, 0);
            assert_eq!(
                (owner, redirect.to_string()),
                (Some(1).filter(|_| !text.contains("else")), text.into())
            );
            map.note_owner(&redirect, owner);
        }
        assert_eq!(map.redirected(&Redirect::read(b"MOVED 5 :2").unwrap(), 1), Some(1));
        assert_eq!(map.owners[4..8], [0, 1, NOBODY, 0]);
        for other in ["ERR MOVED", "MOVED x a:1", "MOVED 16384 a:1", "MOVED 1 a"] {
            assert_eq!(Redirect::read(other.as_bytes()), None, "{other}");
        }
    }
}
