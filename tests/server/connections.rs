//! Connections that come, go, idle and are killed.

use std::thread::sleep;
use std::time::Duration;

use super::common::{Client, Launch, Server, Value};

fn connected_clients(client: &mut Client) -> usize {
    let text = client.ask("INFO clients").string();
    let line = text.lines().find_map(|line| line.strip_prefix("connected_clients:"));
    line.expect("INFO counts clients").trim().parse().expect("a number")
}

/// Waits until only `count` clients are left.
fn settles_at(client: &mut Client, count: usize) -> bool {
    (0..1000).any(|_| {
        sleep(Duration::from_millis(10));
        connected_clients(client) == count
    })
}

#[test]
fn ten_thousand_connections_come_and_go() {
    let server = Launch::basalt().shards(2).start();
    let mut observer = server.client();
    for wave in 0..20 {
        let mut clients: Vec<Client> = (0..500).map(|_| server.client()).collect();
        // Some say nothing, some stop in the middle of a request, some do not read their replies.
        for (index, client) in clients.iter_mut().enumerate() {
            match index % 4 {
                0 => client.send(b"PING\r\n"),
                1 => client.send(b"*2\r\n$3\r\nGET\r\n$10\r\nab"),
                2 => assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()), "wave {wave}"),
                _ => {}
            }
        }
    }
    assert!(settles_at(&mut observer, 1), "all are gone: {}", connected_clients(&mut observer));
    let descriptors =
        std::fs::read_dir(format!("/proc/{}/fd", server.process_id())).expect("it runs").count();
    assert!(descriptors < 200, "{descriptors} descriptors are open when one client is left");
}

#[test]
fn a_client_over_the_limit_is_told_and_closed() {
    let server = Launch::basalt().shards(2).with("maxclients", 10).start();
    let mut first = server.client();
    // The connection by which the harness saw that the server is ready may still be about to close.
    assert!(settles_at(&mut first, 1));
    let mut clients = vec![first];
    clients.extend((1..10).map(|_| server.client()));
    for client in &mut clients {
        assert_eq!(client.ask("PING"), Value::Simple(b"PONG".to_vec()));
    }
    for _ in 0..5 {
        let heard = server.client().listen(Duration::from_secs(5));
        assert_eq!(heard.bytes, b"-ERR max number of clients reached\r\n");
        assert!(heard.closed);
    }
    assert_eq!(clients[0].ask("PING"), Value::Simple(b"PONG".to_vec()));
    drop(clients.split_off(5));
    assert!(settles_at(&mut clients[0], 5));
    assert_eq!(server.client().ask("PING"), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn an_idle_client_is_closed_after_the_timeout() {
    let server = Launch::basalt().shards(2).with("timeout", 1).start();
    let (mut idle, mut busy) = (server.client(), server.client());
    idle.ask("PING");
    for _ in 0..6 {
        assert_eq!(busy.ask("PING"), Value::Simple(b"PONG".to_vec()), "a client that speaks stays");
        sleep(Duration::from_millis(500));
    }
    assert!(idle.is_closed_within(Duration::from_secs(2)), "a client that is silent goes");
    assert_eq!(busy.ask("PING"), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn running_out_of_descriptors_does_not_stop_the_server() {
    // Redis lowers maxclients to what the limit allows; so the clients beyond that are refused, not lost.
    let mut server = Launch::basalt().shards(2).open_files_max(160).start();
    let mut clients: Vec<Client> = (0..300).map(|_| server.client()).collect();
    sleep(Duration::from_millis(300));
    assert!(server.is_running());
    assert_eq!(clients[0].ask("PING"), Value::Simple(b"PONG".to_vec()));
    clients.truncate(1);
    let accepts = server.wait_until({
        let port = server.port;
        move || {
            let Ok(mut client) = Client::tcp("127.0.0.1", port) else {
                return false;
            };
            client.try_send(b"PING\r\n").is_ok() && client.try_read().is_ok_and(|reply| !reply.is_error())
        }
    });
    assert!(accepts, "clients are accepted again");
}

/// Clients that are spread over the cores, and the server.
fn many_clients(count: usize) -> (Server, Vec<Client>) {
    let server = Launch::basalt().shards(2).start();
    let clients = (0..count).map(|_| server.client()).collect();
    (server, clients)
}

#[test]
fn any_client_can_be_killed_from_any_core() {
    let (server, mut clients) = many_clients(16);
    let mut killer = server.client();
    for (index, client) in clients.iter_mut().enumerate() {
        let id = client.ask("CLIENT ID").integer();
        match index % 3 {
            0 => assert_eq!(killer.ask(&format!("CLIENT KILL ID {id}")), Value::Integer(1)),
            1 => {
                let address = client.local_address();
                assert_eq!(killer.ask(&format!("CLIENT KILL ADDR {address}")), Value::Integer(1));
            }
            _ => {
                let address = client.local_address();
                assert_eq!(killer.ask(&format!("CLIENT KILL {address}")), Value::Simple(b"OK".to_vec()));
            }
        }
        assert!(client.is_closed_within(Duration::from_secs(5)), "client {index}");
        assert_eq!(killer.ask(&format!("CLIENT KILL ID {id}")), Value::Integer(0));
    }
    assert_eq!(killer.ask("PING"), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn all_other_clients_can_be_killed_at_once() {
    let (server, mut clients) = many_clients(16);
    let mut killer = server.client();
    for client in &mut clients {
        client.ask("PING");
    }
    assert_eq!(killer.ask("CLIENT KILL TYPE normal"), Value::Integer(16));
    for client in &mut clients {
        assert!(client.is_closed_within(Duration::from_secs(5)));
    }
    assert_eq!(killer.ask("PING"), Value::Simple(b"PONG".to_vec()));
    // Its own end comes after the reply.
    assert_eq!(killer.ask("CLIENT KILL TYPE normal SKIPME no"), Value::Integer(1));
    assert!(killer.is_closed_within(Duration::from_secs(5)));
}

#[test]
fn the_list_of_clients_holds_those_of_all_cores() {
    let (_server, mut clients) = many_clients(12);
    let mut ids = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        ids.push(client.ask("CLIENT ID").integer());
        assert_eq!(client.ask(&format!("CLIENT SETNAME joe{number}")), Value::Simple(b"OK".to_vec()));
    }
    let list = clients[3].ask("CLIENT LIST").string();
    assert_eq!(list.lines().count(), 12, "{list}");
    for (number, client) in clients.iter().enumerate() {
        let line = list.lines().find(|line| line.contains(&format!(" name=joe{number} ")));
        let line = line.unwrap_or_else(|| panic!("no joe{number} in {list}"));
        assert!(line.starts_with(&format!("id={} addr={} ", ids[number], client.local_address())), "{line}");
    }
    let two = clients[0].ask(&format!("CLIENT LIST ID {} {}", ids[5], ids[7])).string();
    assert_eq!(two.lines().count(), 2, "{two}");
    ids.dedup();
    assert_eq!(ids.len(), 12, "no id is given twice");
}

/// Ticks are 10 ms: a server that polls a thousand connections, or wakes for each of many timers, shows some.
fn check_idle_cpu(duration: Duration) {
    let (server, mut clients) = many_clients(1000);
    for client in &mut clients {
        client.ask("PING");
    }
    sleep(Duration::from_secs(1));
    let before = server.cpu_ticks();
    sleep(duration);
    let ticks = server.cpu_ticks() - before;
    // A whole tick may be charged to whoever runs when it ends: the second's sample of rates, the allocator's thread.
    let allowed = 1 + duration.as_secs() / 10;
    assert!(ticks <= allowed, "{ticks} ticks of processor time in {duration:?} without a request");
}

#[test]
fn a_thousand_idle_clients_cost_no_processor_time() {
    check_idle_cpu(Duration::from_secs(3));
}

#[test]
#[ignore = "takes a minute: run it with --ignored"]
fn a_thousand_idle_clients_cost_no_processor_time_in_a_minute() {
    check_idle_cpu(Duration::from_secs(60));
}
