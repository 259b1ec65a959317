//! Rows: sockets, clients and their limits.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::{BYTES_MAX, INT_MAX, MIB, PORT_MAX};

const OUTPUT_LIMITS: &str = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("port", Integer(0, PORT_MAX), "6379", Immutable, Built, "TCP port for clients; 0 listens on none."),
    row("bind", Addresses, "* -::*", Immutable, Built, "Addresses to listen on. One with a `-` before it is skipped when this host lacks it; `*` and `::*` are all of IPv4 and IPv6."),
    row("unixsocket", Text, "", Immutable, Built, "Path of a Unix socket to listen on; empty listens on none."),
    row("unixsocketperm", Octal(0o777), "0", Immutable, Built, "Permissions of the Unix socket; 0 leaves what the umask gives."),
    row("protected-mode", Bool, "yes", Live, Built, "Refuse clients from other hosts while no password is set."),
    row("tcp-backlog", Integer(0, INT_MAX), "511", Immutable, Built, "Connections the kernel may hold for us until they are accepted."),
    row("tcp-keepalive", Integer(0, INT_MAX), "300", Live, Built, "Seconds of silence before TCP probes a client; 0 never does."),
    row("timeout", Integer(0, INT_MAX), "0", Live, Built, "Seconds after which an idle client is disconnected; 0 never is."),
    row("maxclients", Integer(1, u32::MAX as i64), "10000", Live, Built, "Clients connected at once, over all cores."),
    row("client-output-buffer-limit", OutputLimits, OUTPUT_LIMITS, Live, Built, "When a client that reads too slowly is cut off: at once above the hard limit, or after some seconds above the soft one."),
    row("client-query-buffer-limit", Memory(MIB, BYTES_MAX), "1073741824", Live, Built, "Bytes of requests that one client may have waiting."),
    row("proto-max-bulk-len", Memory(MIB, BYTES_MAX), "536870912", Live, Built, "Bytes that one argument of a request may have."),
    row("databases", Integer(1, 16), "16", Immutable, Built, "Numbered databases; sixteen at most, where Redis takes any count."),
    row("bind-source-addr", Text, "", Live, Later, "Local address for connections that the server opens itself."),
    row("socket-mark-id", Integer(0, u32::MAX as i64), "0", Immutable, LaterOnly(&["0"], "marking sockets for the packet filter is not built yet"), "Mark on listening sockets, for packet filters."),
];
