//! Signals: how the server ends by a fault, what it leaves in the log, and what it says when asked.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::common::server::temporary_folder;
use super::common::{Launch, Server, Value, words};

const START_WAIT: Duration = Duration::from_secs(20);

/// A server whose first thread waits for something to do: a signal in the middle of an allocation leaves half a report.
fn start() -> Server {
    let server = Launch::basalt().shards(2).with("enable-debug-command", "yes").start();
    let deadline = Instant::now() + START_WAIT;
    while !server.log().contains("Ready to accept connections") {
        assert!(Instant::now() < deadline, "it says that it is ready: {}", server.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    // And after the log line, the wait.
    std::thread::sleep(Duration::from_millis(20));
    server
}

/// The process must end by this signal and leave a whole report in `log`.
fn check_report(mut server: Server, signal: i32, log: impl Fn(&Server) -> String) -> String {
    let status = server.wait_for_end();
    let text = log(&server);
    assert_eq!(status.signal(), Some(signal), "{status}: {text}");
    let (_, report) = text.split_once("=== BASALT BUG REPORT START").unwrap_or_else(|| panic!("{text}"));
    let (report, _) = report.split_once("=== BASALT BUG REPORT END").unwrap_or_else(|| panic!("{text}"));
    assert!(report.contains(&format!("crashed by signal: {signal} ")), "{report}");
    for part in ["STACK TRACE", "SERVER STATE", "core 0:", "core 1:", "basalt_version", "uptime_in_seconds"] {
        assert!(report.contains(part), "{part} is missing: {report}");
    }
    report.to_owned()
}

#[test]
fn a_fault_is_reported_with_its_stack_and_its_signal_stays() {
    let server = start();
    let mut client = server.client();
    client.ask("SET a 1");
    client.send(&words("DEBUG SEGFAULT"));
    let report = check_report(server, libc::SIGSEGV, Server::log);
    assert!(report.contains("SIGSEGV") && report.contains("Accessing address: 0x10\n"), "{report}");
    assert!(report.contains("break_down"), "the stack has names: {report}");
    assert!(report.contains("last_command=debug"), "{report}");
    assert!(report.contains("Thread: shard-") && report.contains(" db0=1"), "{report}");
    #[cfg(target_arch = "x86_64")]
    assert!(report.contains("RIP:0x"), "{report}");
}

#[test]
fn a_panic_and_a_broken_assertion_are_reported() {
    for (line, message) in
        [("DEBUG PANIC", "called by DEBUG PANIC"), ("DEBUG ASSERT", "broken by DEBUG ASSERT")]
    {
        let server = start();
        server.client().send(&words(line));
        let report = check_report(server, libc::SIGABRT, |server| {
            let log = server.log();
            assert!(log.contains(message) && log.contains("src/data_plane/debug.rs"), "{log}");
            log
        });
        assert!(report.contains("break_down"), "{report}");
    }
}

#[test]
fn every_fault_that_the_kernel_knows_is_reported() {
    for (name, number) in [
        ("SEGV", libc::SIGSEGV),
        ("BUS", libc::SIGBUS),
        ("ILL", libc::SIGILL),
        ("FPE", libc::SIGFPE),
        ("ABRT", libc::SIGABRT),
    ] {
        let server = start();
        server.signal(name);
        check_report(server, number, Server::log);
    }
}

/// The kernel gives a signal for the process to any thread, those of libraries among them, whose stacks are small.
#[test]
fn whichever_thread_a_signal_reaches_the_report_is_whole() {
    for nth in 0.. {
        let server = start();
        let Some(&thread) = threads(&server).get(nth) else {
            assert!(nth >= 3, "a server of two shards has at least three threads");
            break;
        };
        // To kill(2) a thread's id stands for the process, and the kernel tries that thread first.
        let sent = Command::new("sh").arg("-c").arg(format!("kill -FPE {thread}")).status();
        assert!(sent.is_ok_and(|status| status.success()));
        check_report(server, libc::SIGFPE, Server::log);
    }
}

/// The ids of a server's threads.
fn threads(server: &Server) -> Vec<i32> {
    let folder = format!("/proc/{}/task", server.process_id());
    let entries = std::fs::read_dir(folder).expect("it runs");
    let mut ids: Vec<i32> = entries
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().parse().expect("a number"))
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn the_report_goes_where_the_log_goes() {
    let path = temporary_folder().join("basalt.log");
    let launch = Launch::basalt().shards(2).with("enable-debug-command", "yes");
    let server = launch.with("logfile", path.display()).start();
    server.client().send(&words("DEBUG SEGFAULT"));
    check_report(server, libc::SIGSEGV, |_| std::fs::read_to_string(&path).expect("the log is there"));
    std::fs::remove_dir_all(path.parent().expect("it is in a folder")).expect("the folder is ours");
}

#[test]
fn without_a_crash_log_the_signal_alone_is_left() {
    let mut server = start();
    let mut client = server.client();
    assert_eq!(client.ask("CONFIG SET crash-log-enabled no"), Value::Simple(b"OK".to_vec()));
    client.send(&words("DEBUG SEGFAULT"));
    assert_eq!(server.wait_for_end().signal(), Some(libc::SIGSEGV));
    assert!(!server.log().contains("BUG REPORT"), "{}", server.log());
}

#[test]
fn sigusr1_reports_and_the_server_goes_on() {
    let mut server = start();
    let mut client = server.client();
    client.ask("CONFIG SET requirepass sesame slowlog-max-len 77");
    for _ in 0..3 {
        client.ask("SET a 1");
    }
    server.signal("USR1");
    let is_reported = {
        let path = server.folder.join("output.txt");
        server.wait_until(move || {
            std::fs::read_to_string(&path).expect("the log is there").contains("End of the report")
        })
    };
    let log = server.log();
    assert!(is_reported, "{log}");
    let parts = [
        "Received SIGUSR1",
        "core 0: last_command=",
        "core 1:",
        "connected_clients: ",
        "name=shard-0",
        "setting slowlog-max-len: 77\n",
        "setting requirepass: (hidden)\n",
        "control_plane::stack_lines",
    ];
    for part in parts {
        assert!(log.contains(part), "{part} is missing: {log}");
    }
    assert!(!log.contains("sesame"), "{log}");
    for shard in ["name=shard-0", "name=shard-1"] {
        let (_, after) = log.split_once(shard).expect("checked above");
        let stack = after.split("name=").next().expect("there is a part before the next thread");
        assert!(stack.contains("basalt::data_plane::"), "{shard} has no stack: {log}");
    }
    assert_eq!(client.ask("GET a"), Value::Bulk(b"1".to_vec()));
    assert!(server.is_running());
}

/// The question interrupts whatever a core is doing: system calls, waits, and work.
#[test]
fn reports_disturb_no_request() {
    let server = start();
    let asking = |seed: usize| {
        let mut client = server.client();
        move || {
            for number in 0..3000 {
                let key = format!("key:{seed}:{number}");
                assert_eq!(client.ask(&format!("SET {key} {number}")), Value::Simple(b"OK".to_vec()));
                assert_eq!(client.ask(&format!("GET {key}")), Value::Bulk(number.to_string().into_bytes()));
            }
        }
    };
    std::thread::scope(|scope| {
        let clients = [0, 1].map(|seed| scope.spawn(asking(seed)));
        while !clients.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            server.signal("USR1");
        }
    });
    assert!(server.log().contains("basalt::data_plane::"), "{}", server.log());
}

#[test]
fn a_second_signal_ends_a_server_that_does_not_stop() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut server = start();
        // Both cores sleep, so nobody can stop in order.
        server.client().send(&words("DEBUG SLEEP 60"));
        std::thread::sleep(Duration::from_millis(300));
        server.signal(first);
        let path = server.folder.join("output.txt");
        let is_stopping = server.wait_until(move || {
            std::fs::read_to_string(&path).expect("the log is there").contains("User requested shutdown")
        });
        assert!(is_stopping, "{}", server.log());
        std::thread::sleep(Duration::from_millis(200));
        assert!(server.is_running(), "the first signal waits for the cores: {}", server.log());
        server.signal(second);
        let status = server.wait_for_end();
        assert_eq!(status.code(), Some(1), "{}", server.log());
        assert!(server.log().contains("You insist... exiting now."), "{}", server.log());
    }
}
