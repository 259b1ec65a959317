//! Rows: encrypted connections.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};
use super::{INT_MAX, PORT_MAX};

const NO_TLS: &str = "TLS is not built yet, so connections would be in the clear or fail";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("tls-port", Integer(0, PORT_MAX), "0", Live, LaterOnly(&["0"], NO_TLS), "TCP port for encrypted connections; 0 listens on none."),
    row("tls-cluster", Bool, "no", Live, LaterOnly(&["no"], NO_TLS), "Encrypt connections between nodes."),
    row("tls-replication", Bool, "no", Live, LaterOnly(&["no"], NO_TLS), "Encrypt the connection to the primary."),
    row("tls-auth-clients", Choice(&["no", "yes", "optional"]), "yes", Live, Later, "Whether clients must show a certificate."),
    row("tls-cert-file", Text, "", Live, Later, "Certificate of the server."),
    row("tls-key-file", Text, "", Live, Later, "Key of the server's certificate."),
    row("tls-key-file-pass", Text, "", Live, Later, "Password of that key."),
    row("tls-client-cert-file", Text, "", Live, Later, "Certificate for connections that the server opens."),
    row("tls-client-key-file", Text, "", Live, Later, "Key of that certificate."),
    row("tls-client-key-file-pass", Text, "", Live, Later, "Password of that key."),
    row("tls-ca-cert-file", Text, "", Live, Later, "File of authorities whose certificates are trusted."),
    row("tls-ca-cert-dir", Text, "", Live, Later, "Directory of authorities whose certificates are trusted."),
    row("tls-dh-params-file", Text, "", Live, Later, "Parameters of the Diffie-Hellman exchange."),
    row("tls-protocols", Text, "", Live, Later, "Protocol versions to allow."),
    row("tls-ciphers", Text, "", Live, Later, "Ciphers to allow up to TLS 1.2."),
    row("tls-ciphersuites", Text, "", Live, Later, "Ciphers to allow with TLS 1.3."),
    row("tls-prefer-server-ciphers", Bool, "no", Live, Later, "Let the server choose the cipher."),
    row("tls-session-caching", Bool, "yes", Live, Later, "Let clients resume sessions."),
    row("tls-session-cache-size", Integer(0, INT_MAX), "20480", Live, Later, "Sessions to remember; 0 is no limit."),
    row("tls-session-cache-timeout", Integer(0, INT_MAX), "300", Live, Later, "Seconds to remember a session."),
];
