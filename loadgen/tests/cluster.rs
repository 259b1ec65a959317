//! A real cluster: requests go where their keys belong, also after slots have moved.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use support::redis::Redis;
use support::{Results, program, run, texts, wait_until};

const NODES: usize = 3;
const SLOTS: usize = 16_384;

/// Sends lines; gives all replies.
fn ask(node: &Redis, lines: &[String]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).unwrap();
    stream.write_all(format!("{}\r\nQUIT\r\n", lines.join("\r\n")).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn ask_one(node: &Redis, line: &str) -> String {
    ask(node, &[line.to_owned()])
}

/// Nodes that know each other and share the slots.
fn start() -> Vec<Redis> {
    let nodes: Vec<Redis> = (0..NODES).map(|_| Redis::start(&["--cluster-enabled", "yes"])).collect();
    for (index, node) in nodes.iter().enumerate() {
        let (first, last) = (index * SLOTS / NODES, (index + 1) * SLOTS / NODES - 1);
        assert!(ask_one(node, &format!("CLUSTER ADDSLOTSRANGE {first} {last}")).starts_with("+OK"));
        // Epochs of their own: nobody has to settle whose claim is the older one.
        assert!(ask_one(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).starts_with("+OK"));
        assert!(ask_one(node, &format!("CLUSTER MEET 127.0.0.1 {}", nodes[0].port)).starts_with("+OK"));
    }
    let ready = |node: &Redis| {
        let info = ask_one(node, "CLUSTER INFO");
        info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
    };
    wait_until(|| nodes.iter().all(ready));
    nodes
}

fn keys(node: &Redis) -> u64 {
    let text = ask_one(node, "DBSIZE");
    text.strip_prefix(':').unwrap().split("\r\n").next().unwrap().parse().unwrap()
}

#[test]
fn requests_go_where_their_keys_belong() {
    let nodes = start();
    let results = Results::new();
    let preload = ["--cluster", "--preload", "SET k:{key} {value}", "--key-space", "3000", "--threads", "2"];
    let mix =
        ["--mix", "3:GET k:{key}", "--mix", "1:MSET {{key}}:a 1 {{same-key}}:b 2", "--requests", "5000"];
    let output = run(nodes[1].port, &[&preload[..], &mix, &["--json", &results.path()]].concat());
    let (table, errors) = texts(&output);
    assert!(output.status.success() && errors.is_empty(), "{errors}{table}");
    let document = results.document();
    assert_eq!((&document["requests"], &document["redirected"]), (&5000.into(), &0.into()));
    assert!(table.contains("3 nodes"), "{table}");
    let counts: Vec<u64> = nodes.iter().map(keys).collect();
    assert!(counts.iter().all(|count| *count > 900) && counts.iter().sum::<u64>() > 3000, "{counts:?}");
}

#[test]
fn slots_that_move_are_followed() {
    let nodes = start();
    let results = Results::new();
    let port = nodes[0].port.to_string();
    let load = ["run", "--port", &port, "--cluster", "--command", "GET k:{key}", "--key-space", "20000"];
    let rest = ["--seconds", "2", "--connections", "6", "--json", &results.path()];
    let child = program().args(load).args(rest).spawn().unwrap();
    wait_until(|| ask_one(&nodes[0], "INFO commandstats").contains("cmdstat_get"));
    let id = ask_one(&nodes[1], "CLUSTER MYID");
    let id = id.split("\r\n").nth(1).unwrap();
    let lines: Vec<String> = (0..1000).map(|slot| format!("CLUSTER SETSLOT {slot} NODE {id}")).collect();
    for node in [&nodes[1], &nodes[0], &nodes[2]] {
        assert_eq!(ask(node, &lines), "+OK\r\n".repeat(1001));
    }
    let output = child.wait_with_output().unwrap();
    let (table, errors) = texts(&output);
    assert!(output.status.success() && errors.is_empty(), "{errors}{table}");
    let document = results.document();
    let (requests, redirected) =
        (document["requests"].as_u64().unwrap(), document["redirected"].as_u64().unwrap());
    // One for each slot, and a few that were under way: whoever does not learn gets thousands.
    assert!((1..=1100).contains(&redirected) && requests > 3000, "{document}");
}

#[test]
fn without_the_option_a_cluster_answers_with_errors() {
    let nodes = start();
    let output = run(nodes[0].port, &["--command", "GET {key}", "--requests", "300"]);
    let (table, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(table.contains("MOVED") && errors.contains("of 300 replies are errors"), "{errors}{table}");
}

#[test]
fn a_server_without_a_cluster_says_so() {
    let redis = Redis::start(&[]);
    let output = run(redis.port, &["--cluster", "--command", "GET {key}"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("cluster support disabled"), "{errors}");
}

/// Nodes in this process; the first has nearly all slots, the others one each. Each answers with what is said for it, where
/// PORT is the next one's port; gives the first one's port, and the requests each has seen.
fn pretend(answers: &[&'static str]) -> (u16, Vec<Arc<AtomicU64>>) {
    let bind = |_: &&str| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<TcpListener> = answers.iter().map(bind).collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    let range = |(index, port): (usize, &u16)| {
        let (first, last) = if index == 0 { (answers.len() - 1, SLOTS - 1) } else { (index - 1, index - 1) };
        format!("*3\r\n:{first}\r\n:{last}\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
    };
    let slots = format!("*{}\r\n{}", ports.len(), ports.iter().enumerate().map(range).collect::<String>());
    let mut seen = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        let counter = Arc::new(AtomicU64::new(0));
        seen.push(Arc::clone(&counter));
        let answer = answers[index].replace("PORT", &ports[(index + 1) % ports.len()].to_string());
        let slots = slots.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, counter) = (stream.unwrap(), Arc::clone(&counter));
                let (answer, slots) = (answer.clone(), slots.clone());
                thread::spawn(move || {
                    let mut block = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut block) {
                        let asked = String::from_utf8_lossy(&block[..length]).into_owned();
                        let replies = if asked.contains("CLUSTER") {
                            slots.clone()
                        } else {
                            let requests = asked.matches('*').count();
                            counter.fetch_add(requests as u64, Ordering::Relaxed);
                            answer.repeat(requests)
                        };
                        if stream.write_all(replies.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }
    (ports[0], seen)
}

/// `REDIRECTIONS_MAX` of the program.
const REDIRECTIONS_MAX: u64 = 5;

fn run_pretended(port: u16, results: &Results) -> Output {
    let load = ["--cluster", "--command", "GET {key}", "--connections", "4", "--pipeline", "3"];
    run(port, &[&load[..], &["--requests", "300", "--json", &results.path()]].concat())
}

#[test]
fn a_request_that_has_moved_is_answered_by_the_other_node() {
    let (port, seen) = pretend(&["-MOVED 5 127.0.0.1:PORT\r\n", "$2\r\nhi\r\n"]);
    let results = Results::new();
    let output = run_pretended(port, &results);
    let (table, errors) = texts(&output);
    assert!(output.status.success() && errors.is_empty(), "{errors}{table}");
    let document = results.document();
    let [first, second] = [&seen[0], &seen[1]].map(|seen| seen.load(Ordering::Relaxed));
    assert_eq!((&document["requests"], &document["errors"]), (&300.into(), &0.into()));
    assert!(first > 0 && second == 300, "{first} {second}");
    assert_eq!(document["redirected"], first);
}

#[test]
fn a_cluster_that_always_redirects_is_given_up() {
    let moved = "-MOVED 5 127.0.0.1:PORT\r\n";
    for answers in [&[moved][..], &[moved, moved]] {
        let (port, seen) = pretend(answers);
        let results = Results::new();
        let output = run_pretended(port, &results);
        let (table, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{table}");
        assert!(
            errors.contains("300 of 300 replies are errors") && table.contains("MOVED 5"),
            "{errors}{table}"
        );
        let document = results.document();
        let sent: u64 = seen.iter().map(|seen| seen.load(Ordering::Relaxed)).sum();
        assert_eq!((&document["redirected"], sent), (&sent.into(), 300 * (1 + REDIRECTIONS_MAX)));
    }
}

#[test]
fn a_request_moved_to_a_stranger_is_an_error() {
    let (port, seen) = pretend(&["-MOVED 5 192.0.2.1:1\r\n"]);
    let results = Results::new();
    let output = run_pretended(port, &results);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("300 of 300 replies are errors"), "{errors}");
    assert_eq!(seen[0].load(Ordering::Relaxed), 300);
}
