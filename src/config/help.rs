//! The text of `--help`, made from the rows that are built.

use super::flag::Status;
use super::flags::SECTIONS;

const USAGE: &str = "\
Usage: basalt [FILE] [--name value ...] [-]

FILE is a configuration file in the syntax of redis.conf. Arguments hold over its lines.
A last '-' reads further lines from standard input.

  basalt --port 7000
  basalt /etc/basalt.conf --loglevel debug
  echo 'timeout 60' | basalt -
  basalt doctor --cpus 1-7     checks this host for a server with these flags
  basalt check DIR             examines the logs of a server that does not run
  basalt import dump.rdb       makes a data folder of what Redis has left
  basalt -v, --version
  basalt -h, --help
";

/// What `basalt --help` prints.
pub fn help() -> String {
    let mut text = USAGE.to_owned();
    for section in SECTIONS {
        let mut built = section.flags.iter().filter(|flag| matches!(flag.status, Status::Built)).peekable();
        if built.peek().is_none() {
            continue;
        }
        text.push_str(&format!("\n{}\n", section.title));
        for flag in built {
            let default = if flag.default.is_empty() { "\"\"" } else { flag.default };
            text.push_str(&format!("  --{} ({}; default {default})\n", flag.name, flag.kind.describe()));
            text.push_str(&format!("      {}\n", flag.help.replace('`', "'")));
        }
    }
    text.push_str(
        "\nAll other settings of Redis 7.0 are known too: docs/config.md says what becomes of each.\n",
    );
    text
}
