#!/usr/bin/env bash
# The standard comparison with redis-server 7.0.15, one core each, interleaved: scripts/bench.sh [rounds].
# The table goes to the terminal, all runs as JSON to target/bench.json.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}

cargo build --release --workspace
scripts/oracle.sh
target=${CARGO_TARGET_DIR:-target}/release
cpus=$(nproc)
if [ "$cpus" -lt 2 ]; then
    echo "two CPUs are needed: one for the server, one for the generator" >&2
    exit 1
fi
boost=()
[ "$(id -u)" != 0 ] || boost=(--boost)

workloads=()
for workload in get-d64-c50-p1 set-d64-c50-p1 get-d64-c50-p16 set-d64-c50-p16 get-d64-c50-p64 get-d64-c1-p1; do
    workloads+=(--workload "$workload")
done
"$target/basalt-load" compare "${boost[@]}" --control \
    --server "redis=target/oracle/redis-server --port {port} --dir {dir} --save ''" \
    --server "basalt=$target/basalt --port {port} --dir {dir} --cpus 0" \
    "${workloads[@]}" --key-space 1000000 --rounds "$rounds" --seconds 2 \
    --server-cpus 0 --client-cpus 1 --json target/bench.json
