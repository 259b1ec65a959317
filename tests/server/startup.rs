//! Starting: where the server listens, what it prints, and why it refuses.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::common::server::{Ended, free_port, temporary_folder};
use super::common::{Client, Launch, Value};

fn check_refused(launch: Launch, says: &[&str]) {
    let Ended { status, output } = launch.run_to_end();
    assert_eq!(status.code(), Some(1), "{output}");
    for text in says {
        assert!(output.contains(text), "{text:?} is not in\n{output}");
    }
}

#[test]
fn readiness_is_printed_in_the_words_of_redis() {
    let server = Launch::basalt().shards(2).start();
    // The cores may answer before it is said.
    let is_ready = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        server.log().contains("Ready to accept connections")
    });
    assert!(is_ready, "{}", server.log());
}

#[test]
fn a_port_in_use_is_named_and_ends_the_server() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let says = [
        &format!("127.0.0.1:{port}: bind: Address already in use")[..],
        &format!("Failed listening on port {port} (TCP), aborting."),
    ];
    check_refused(Launch::basalt().with("bind", "127.0.0.1").with("port", port), &says);
}

#[test]
fn the_port_of_a_running_server_is_refused_to_a_second_one() {
    let first = Launch::basalt().shards(2).start();
    let port = first.port;
    let says = format!("Failed listening on port {port} (TCP), aborting.");
    check_refused(Launch::basalt().shards(2).with("port", port), &["bind: Address already in use", &says]);
    assert_eq!(first.client().ask("PING"), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn port_0_without_a_unix_socket_is_refused() {
    check_refused(Launch::basalt().with("port", 0), &["Configured to not listen anywhere, exiting."]);
}

#[test]
fn a_unix_socket_serves_beside_no_port() {
    let folder = temporary_folder();
    let path = folder.join("server.sock");
    let launch = Launch::basalt()
        .shards(2)
        .with("port", 0)
        .with("unixsocket", path.display())
        .with("unixsocketperm", 700);
    let server = launch.start_when(folder, || {
        Client::unix(&path).is_ok_and(|mut client| client.ask("PING") == Value::Simple(b"PONG".to_vec()))
    });
    let mode = fs::metadata(&path).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut clients: Vec<_> = (0..8).map(|_| Client::unix(&path).expect("accepts")).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("SET k{index} {index}")), Value::Simple(b"OK".to_vec()));
    }
    for index in 0..8 {
        assert_eq!(clients[0].ask(&format!("GET k{index}")).string(), index.to_string());
    }
    let list = clients[0].ask("CLIENT LIST").string();
    assert_eq!(list.matches(&format!(" addr={}:0 ", path.display())).count(), 8, "{list}");
    drop(server);
}

#[test]
fn a_stale_unix_socket_is_replaced() {
    let folder = temporary_folder();
    let path = folder.join("server.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a fresh path"));
    let launch = Launch::basalt().with("unixsocket", path.display()).with("port", 0);
    let answers = || {
        Client::unix(&path)
            .is_ok_and(|mut client| client.try_send(b"PING\r\n").is_ok() && client.try_read().is_ok())
    };
    launch.start_when(folder, answers);
}

#[test]
fn every_address_given_is_bound_and_no_other() {
    let port = free_port();
    let launch = Launch::basalt().shards(2).with("bind", "127.0.0.2 127.0.0.3").with("port", port);
    let server = launch.start_when(temporary_folder(), || Client::tcp("127.0.0.3", port).is_ok());
    for host in ["127.0.0.2", "127.0.0.3"] {
        let mut client = Client::tcp(host, port).expect("bound");
        assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()));
    }
    assert!(Client::tcp("127.0.0.1", port).is_err());
    drop(server);
}

#[test]
fn an_address_that_is_not_ours_is_refused_unless_it_is_optional() {
    let port = free_port();
    check_refused(
        Launch::basalt().with("bind", "203.0.113.77").with("port", port),
        &["203.0.113.77", "Cannot assign requested address"],
    );
    let launch = Launch::basalt().with("bind", "127.0.0.1 -203.0.113.77").with("port", port);
    launch.start_when(temporary_folder(), || Client::tcp("127.0.0.1", port).is_ok());
}

/// An address of this machine that is not loopback, if it has a network.
fn network_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: connecting only looks up the route.
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}

#[test]
fn protected_mode_refuses_other_machines_as_redis_does() {
    let Some(address) = network_address() else {
        println!("this machine has no network: nothing to refuse");
        return;
    };
    let (basalt, redis) = (Launch::basalt().shards(2).start(), Launch::redis().start());
    let hear = |port| Client::tcp(&address, port).expect("bound").listen(Duration::from_secs(5));
    let (ours, theirs) = (hear(basalt.port), hear(redis.port));
    assert_eq!(ours.bytes.escape_ascii().to_string(), theirs.bytes.escape_ascii().to_string());
    assert!(ours.closed);
    let open = Launch::basalt().with("protected-mode", "no").start();
    let mut client = Client::tcp(&address, open.port).expect("bound");
    assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()));
    assert_eq!(basalt.client().ask("CONFIG SET protected-mode no"), Value::Simple(b"OK".to_vec()));
    let mut client = Client::tcp(&address, basalt.port).expect("bound");
    assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()), "the setting is live");
}

#[test]
fn unknown_flags_are_refused_with_their_name() {
    check_refused(Launch::basalt().with("prot", 1), &["FATAL CONFIG FILE ERROR", "prot", "port"]);
    check_refused(Launch::basalt().with("port", "x"), &["FATAL CONFIG FILE ERROR", "port"]);
    check_refused(Launch::basalt().with("port", 65536), &["FATAL CONFIG FILE ERROR", "65535"]);
    check_refused(Launch::basalt().with("maxmemory", "12parsecs"), &["FATAL CONFIG FILE ERROR", "maxmemory"]);
}

#[test]
fn what_would_be_missed_is_refused_and_not_ignored() {
    check_refused(Launch::basalt().with("tls-port", "6380"), &["tls-port"]);
    check_refused(Launch::basalt().with("cluster-enabled", "yes"), &["cluster-enabled"]);
    check_refused(Launch::basalt().with("daemonize", "yes"), &["daemonize"]);
}

#[test]
fn all_refusals_of_a_file_come_together_with_their_lines() {
    let path = temporary_folder().join("bad.conf");
    fs::write(&path, "# fine\nport 1\nnosuch 1\ntls-port 6380\nhz ten\n").expect("written");
    check_refused(Launch::basalt().file(&path), &["nosuch 1", "tls-port", "hz ten", "3", "4", "5"]);
    fs::remove_dir_all(path.parent().expect("a folder")).expect("removed");
}

#[test]
fn a_log_that_cannot_be_written_does_not_end_the_server() {
    let port = free_port();
    let folder = temporary_folder();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_basalt"))
        .args(["--port", &port.to_string(), "--dir", folder.to_str().expect("a plain path"), "--save", ""])
        .stdout(full())
        .stderr(full())
        .spawn()
        .expect("it starts");
    let answers = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Client::tcp("127.0.0.1", port).is_ok_and(|mut client| client.ask("PING").string() == "PONG")
    });
    server.kill().expect("it runs");
    server.wait().expect("our child");
    fs::remove_dir_all(folder).expect("the folder is ours");
    assert!(answers);
}

#[test]
fn a_missing_file_or_folder_is_named() {
    check_refused(Launch::basalt().file("/nowhere/basalt.conf".as_ref()), &["/nowhere/basalt.conf"]);
    check_refused(Launch::basalt().with("dir", "/nowhere"), &["/nowhere", "No such file or directory"]);
}

#[test]
fn the_version_and_the_help_are_printed() {
    for (flag, says) in [("version", "basalt"), ("help", "--port")] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_basalt"))
            .arg(format!("--{flag}"))
            .output()
            .expect("it runs");
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.to_lowercase().contains(says), "{text}");
    }
}

#[test]
fn a_pidfile_holds_the_process_while_it_runs() {
    let folder = temporary_folder();
    let path = folder.join("basalt.pid");
    let mut server = Launch::basalt().with("pidfile", path.display()).start();
    let written = fs::read_to_string(&path).expect("written at the start");
    assert_eq!(written.trim(), server.process_id().to_string());
    server.signal("TERM");
    server.wait_for_end();
    assert!(!path.exists(), "removed at the end");
    fs::remove_dir_all(folder).expect("removed");
}
