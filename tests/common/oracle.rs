//! Where the Redis programs are that the tests compare with: 7.0.15, in `target/oracle` or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `redis-server`; `scripts/oracle.sh` fetches it.
pub fn redis_server() -> PathBuf {
    let program = program("redis-server");
    let version = Command::new(&program).arg("--version").output().expect("redis-server runs").stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    assert!(version.contains(" v=7.0."), "the tests compare with Redis 7.0, this is {version}");
    program
}

/// A program of Redis: what `scripts/oracle.sh` unpacked, or what is on the path.
pub fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/oracle").join(name);
    let on_path = std::env::var_os("PATH").expect("PATH is set");
    let found = std::iter::once(unpacked)
        .chain(std::env::split_paths(&on_path).map(|folder| folder.join(name)))
        .find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: run scripts/oracle.sh, which says what to do"))
}
