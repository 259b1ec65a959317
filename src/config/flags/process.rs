//! Rows: the process, its files, its log and how it stops.

use super::super::flag::{Change::*, Flag, Kind::*, Status::*, row};

const LEVELS: &[&str] = &["debug", "verbose", "notice", "warning"];
const FORMATS: &[&str] = &["text", "json"];
const SUPERVISORS: &[&str] = &["upstart", "systemd", "auto", "no"];
const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
const NO_YES_LOCAL: &[&str] = &["no", "yes", "local"];
const OOM_MODES: &[&str] = &["no", "yes", "relative", "absolute"];
pub const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force"];
const NO_FORK: &str = "the server stays in the foreground; let a service manager run it in the background";
const NO_NOTIFY: &str = "telling a service manager that the server is ready is not built yet";
const NO_SYSLOG: &str = "writing to syslog is not built; a service manager can forward the log";
const NO_OOM: &str = "setting the out-of-memory score is not built yet; a service manager can set it";
const NO_PROTECTED: &str = "settings that name files cannot be changed while the server runs";

#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    row("dir", Directory, "", Protected, Built, "Working directory, entered at start; by default where the server was started."),
    row("pidfile", Text, "", Immutable, Built, "File to write the process number to at start; empty writes none."),
    row("loglevel", Choice(LEVELS), "notice", Live, Built, "Least serious messages that are logged."),
    row("logfile", Text, "", Immutable, Built, "File to append the log to; empty is standard output."),
    row("log-format", Choice(FORMATS), "text", Immutable, Built, "Log lines as text for people or as JSON for programs."),
    row("daemonize", Bool, "no", Immutable, Fixed(&["no"], NO_FORK), "Go to the background; never, a service manager does that."),
    row("supervised", Choice(SUPERVISORS), "no", Immutable, LaterOnly(&["no", "auto"], NO_NOTIFY), "Service manager to tell when the server is ready."),
    row("always-show-logo", Bool, "no", Immutable, Later, "Without effect: there is no logo."),
    row("syslog-enabled", Bool, "no", Immutable, LaterOnly(&["no"], NO_SYSLOG), "Send the log to syslog too."),
    row("syslog-ident", Text, "redis", Immutable, Later, "Name of the program in syslog."),
    row("syslog-facility", Choice(FACILITIES), "local0", Immutable, Later, "Facility of the messages in syslog."),
    row("set-proc-title", Bool, "yes", Immutable, Later, "Show state in the name of the process; the name is never changed."),
    row("proc-title-template", Title, "{title} {listen-addr} {server-mode}", Live, Later, "What the name of the process would show."),
    row("crash-log-enabled", Bool, "yes", Live, Built, "Log registers and stacks after a crash."),
    row("crash-memcheck-enabled", Bool, "yes", Live, Later, "Test memory after a crash."),
    row("disable-thp", Bool, "yes", Immutable, Later, "Turn huge pages off for this process; they are left as the system has them."),
    row("oom-score-adj", Choice(OOM_MODES), "no", Live, LaterOnly(&["no"], NO_OOM), "Let the server tell the kernel how readily to kill it when memory runs out."),
    row("oom-score-adj-values", OomScores, "0 200 800", Live, Later, "Scores for a primary, a replica and a child process."),
    row("shutdown-timeout", Integer(0, super::INT_MAX), "10", Live, Later, "Seconds that a shutdown waits for replicas to catch up."),
    row("shutdown-on-sigint", Choices(SHUTDOWN), "default", Live, Built, "How SIGINT stops the server."),
    row("shutdown-on-sigterm", Choices(SHUTDOWN), "default", Live, Built, "How SIGTERM stops the server."),
    row("ignore-warnings", Text, "", Live, Later, "Names of start-up checks that may fail."),
    row("enable-protected-configs", Choice(NO_YES_LOCAL), "no", Immutable, Fixed(&["no"], NO_PROTECTED), "Who may change settings that name files."),
    row("enable-debug-command", Choice(NO_YES_LOCAL), "no", Immutable, Built, "Who may call DEBUG."),
    row("enable-module-command", Choice(NO_YES_LOCAL), "no", Immutable, Later, "Who may call MODULE; there are no modules."),
];
