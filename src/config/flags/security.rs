//! Rows: passwords and access control.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::LONG_MAX;

const NO_ACL: &str = "access control lists are not built yet, so every user could do anything";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("requirepass", Text, "", Live, Built, "Password of the default user; empty lets everybody in."),
    row("aclfile", Text, "", Immutable, LaterOnly(&[""], NO_ACL), "File with the users and their rights."),
    row("acl-pubsub-default", Choice(&["allchannels", "resetchannels"]), "resetchannels", Live, Later, "Whether new users may use all channels or none."),
    row("acllog-max-len", Integer(0, LONG_MAX), "128", Live, Later, "Refused commands that ACL LOG keeps."),
];
