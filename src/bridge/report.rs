//! What the server is doing, as text for people: after a fault, and for `kill -USR1`.

use std::fmt::Write;

use crate::bridge::Bridge;
use crate::bridge::counters::Counters;

/// Describes the state. Waits for no lock and asks no core, for one of them may be what broke.
pub fn report(bridge: &Bridge) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    line("basalt_version", &env!("CARGO_PKG_VERSION"));
    line("process_id", &std::process::id());
    line("run_id", &bridge.run_id);
    let up_s =
        std::time::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs()) - bridge.started_at_us / 1_000_000;
    line("uptime_in_seconds", &up_s);
    line("connected_clients", &bridge.client_count());
    line("stopping", &bridge.is_stopping());
    for (shard, core) in bridge.counters.iter().enumerate() {
        // As above.
        let _ = writeln!(text, "core {shard}: {}", core_line(core));
    }
    for (name, value) in settings(bridge) {
        // As above. A value of several lines or with control characters stays on its line.
        let _ = writeln!(text, "setting {name}: {}", value.escape_debug());
    }
    text
}

/// What differs from the defaults.
fn settings(bridge: &Bridge) -> Vec<(&'static str, String)> {
    match bridge.try_config() {
        Some(config) => config.unlike_defaults(),
        None => vec![("(all)", "in use by another thread".to_owned())],
    }
}

fn core_line(core: &Counters) -> String {
    let keys: Vec<_> = core
        .keys
        .iter()
        .enumerate()
        .filter(|(_, keys)| keys.read() > 0)
        .map(|(database, keys)| format!(" db{database}={}", keys.read()))
        .collect();
    format!(
        "last_command={} clients={} commands={} errors={} input_bytes={} output_bytes={} remote_requests={} \
         used_memory={}{}",
        core.last_command.read().unwrap_or("none").to_ascii_lowercase(),
        core.clients.read(),
        core.commands.read(),
        core.error_replies.read(),
        core.input_bytes.read(),
        core.output_bytes.read(),
        core.remote_requests.read(),
        core.used_memory.read(),
        keys.concat(),
    )
}
