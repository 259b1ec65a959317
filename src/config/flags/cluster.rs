//! Rows: the cluster of several nodes.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::{INT_MAX, LONG_MAX, PORT_MAX};

const NO_CLUSTER: &str = "the cluster is not built yet, so this node would hold all keys alone";
const ENDPOINTS: &[&str] = &["ip", "hostname", "unknown-endpoint"];

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("cluster-enabled", Bool, "no", Immutable, LaterOnly(&["no"], NO_CLUSTER), "Be a node of a cluster."),
    row("cluster-config-file", Text, "nodes.conf", Immutable, Later, "File in which a node keeps what it knows of the cluster."),
    row("cluster-port", Integer(0, PORT_MAX), "0", Immutable, Later, "Port for other nodes; 0 is the clients' port plus 10000."),
    row("cluster-node-timeout", Integer(0, LONG_MAX), "15000", Live, Later, "Milliseconds of silence after which a node is taken for lost."),
    row("cluster-require-full-coverage", Bool, "yes", Live, Later, "Refuse all keys while some slot has no owner."),
    row("cluster-allow-reads-when-down", Bool, "no", Live, Later, "Answer reads although the cluster is down."),
    row("cluster-allow-pubsubshard-when-down", Bool, "yes", Live, Later, "Serve sharded channels although the cluster is down."),
    row("cluster-allow-replica-migration", Bool, "yes", Live, Later, "Let replicas move to primaries that have none."),
    row("cluster-migration-barrier", Integer(0, INT_MAX), "1", Live, Later, "Replicas that a primary keeps when others move."),
    row("cluster-replica-no-failover", Bool, "no", Live, Later, "Never make this replica a primary by itself.").also("cluster-slave-no-failover"),
    row("cluster-replica-validity-factor", Integer(0, INT_MAX), "10", Live, Later, "How old a replica's data may be for it to take over.").also("cluster-slave-validity-factor"),
    row("cluster-link-sendbuf-limit", Memory(0, u64::MAX), "0", Live, Later, "Bytes that may wait for another node; 0 is no limit."),
    row("cluster-announce-ip", Text, "", Live, Later, "Address to give to others."),
    row("cluster-announce-hostname", HostName, "", Live, Later, "Host name to give to others."),
    row("cluster-announce-port", Integer(0, PORT_MAX), "0", Live, Later, "Port to give to others; 0 is the real one."),
    row("cluster-announce-tls-port", Integer(0, PORT_MAX), "0", Live, Later, "TLS port to give to others; 0 is the real one."),
    row("cluster-announce-bus-port", Integer(0, PORT_MAX), "0", Live, Later, "Node-to-node port to give to others; 0 is the real one."),
    row("cluster-preferred-endpoint-type", Choice(ENDPOINTS), "ip", Live, Later, "What redirections name a node by."),
];
