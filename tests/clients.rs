//! Real client libraries against real servers: the programs in tests/clients, with what scripts/clients.sh has fetched.

#[path = "common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Launch, Server};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fetched(path: &str) -> PathBuf {
    let path = root().join("target/clients").join(path);
    assert!(path.exists(), "{} is missing: run scripts/clients.sh, which says what to do", path.display());
    path
}

/// Runs a program of tests/clients with its interpreter.
fn check(mut interpreter: Command, program: &str, server: Server) {
    interpreter.arg(root().join("tests/clients").join(program));
    check_program(interpreter, server);
}

/// Runs a program against a server; it ends with an error when something is not as it should be.
fn check_program(mut command: Command, server: Server) {
    let output = command.arg(server.port.to_string()).output().expect("it runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}:\n{}", output.status, text.concat());
    assert!(text[0].ends_with("ok\n"), "it came to its end:\n{}", text.concat());
}

fn redis_py(shards: usize) {
    check(Command::new(fetched("python/bin/python")), "redis_py.py", Launch::basalt().shards(shards).start());
}

fn node(package: &str, program: &str, shards: usize) {
    let mut node = Command::new("node");
    node.env("CLIENTS", fetched("node/node_modules").join(package));
    check(node, program, Launch::basalt().shards(shards).start());
}

fn redis_rs(shards: usize) {
    let program = Command::new(fetched("redis_rs/debug/redis-rs-check"));
    check_program(program, Launch::basalt().shards(shards).start());
}

#[test]
fn client_library_redis_py_works_on_one_shard() {
    redis_py(1);
}

#[test]
fn client_library_redis_py_works_on_four_shards() {
    redis_py(4);
}

#[test]
fn client_library_node_redis_works_on_one_shard() {
    node("redis", "node_redis.mjs", 1);
}

#[test]
fn client_library_node_redis_works_on_four_shards() {
    node("redis", "node_redis.mjs", 4);
}

#[test]
fn client_library_ioredis_works_on_one_shard() {
    node("ioredis", "ioredis.mjs", 1);
}

#[test]
fn client_library_ioredis_works_on_four_shards() {
    node("ioredis", "ioredis.mjs", 4);
}

#[test]
fn client_library_redis_rs_works_on_one_shard() {
    redis_rs(1);
}

#[test]
fn client_library_redis_rs_works_on_four_shards() {
    redis_rs(4);
}
