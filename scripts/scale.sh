#!/usr/bin/env bash
# One workload with 1 to N shards, and the Universal Scalability Law: WORKLOAD=set-p16 ROUNDS=9 SECONDS_EACH=2 scripts/scale.sh.
# Results: target/scale.md, target/scale.json. With two CPUs the generator shares one with the second shard.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace
target=${CARGO_TARGET_DIR:-target}/release
mkdir -p target
options=()
[ "$(id -u)" != 0 ] || options+=(--boost)
[ -z "${SHARDS:-}" ] || options+=(--shards "$SHARDS")
"$target/basalt-load" scale ${options[@]+"${options[@]}"} \
    --server "$target/basalt --port {port} --dir {dir} --save '' --cpus {cpus}" \
    --workload "${WORKLOAD:-get-p16}" --rounds "${ROUNDS:-5}" --seconds "${SECONDS_EACH:-2}" \
    --markdown "${OUTPUT:-target/scale}.md" --json "${OUTPUT:-target/scale}.json"
