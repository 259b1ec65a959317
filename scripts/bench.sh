#!/usr/bin/env bash
# The standard table: Basalt beside redis-server 7.0.15, one core each, in turns: ROUNDS=9 SECONDS_EACH=2 scripts/bench.sh.
# Results: target/bench.md, target/bench.json, target/bench.html, or other names by OUTPUT. Some eight minutes once it is built.
set -euo pipefail
cd "$(dirname "$0")/.."
SECONDS=0
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-1}
warmup=${WARMUP:-0.2}
keys=${KEYS:-1000000}
output=${OUTPUT:-target/bench}

# Workloads whose values have the same size stand together: keys are loaded once for each size.
standard() {
    local operation value_bytes connections pipeline
    for value_bytes in 64 1024; do
        for operation in get set mix mset10; do
            for connections in 50 1000; do
                for pipeline in 1 16 64; do
                    [ "$operation $value_bytes $connections $pipeline" != "mset10 1024 1000 16" ] || continue
                    [ "$operation $connections $pipeline" != "mset10 1000 64" ] || continue
                    echo "$operation-d$value_bytes-c$connections-p$pipeline"
                done
            done
        done
    done
    for connections in 50 1000; do
        for pipeline in 1 16 64; do
            echo "incr-c$connections-p$pipeline"
        done
    done
}
mapfile -t workloads < <(if [ -n "${WORKLOADS:-}" ]; then tr ' ,' '\n\n' <<<"$WORKLOADS" | sed '/^$/d'; else standard; fi)

cpus=$(nproc)
if [ "$cpus" -lt 2 ]; then
    echo "two CPUs are needed: one for the server, one for the generator" >&2
    exit 1
fi
cargo build --release --workspace
scripts/oracle.sh
target=${CARGO_TARGET_DIR:-target}/release
options=()
[ "$(id -u)" != 0 ] || options+=(--boost)
servers=2
[ -z "${CONTROL:-}" ] || { options+=(--control) servers=3; }
# Connections of the generator and of the server.
ulimit -n 16384 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# Beside its load each run takes some 0.2 s to start and to connect, and loading a million keys 2 to 5 s.
minutes=$(awk "BEGIN { printf \"%.1f\", (${#workloads[@]} * $servers * $rounds * ($seconds + $warmup + 0.2) + $servers * 12) / 60 }")
cat <<HEADER
${#workloads[@]} workloads, $servers servers, $rounds rounds of $seconds s: about $minutes minutes.
Left out: values for INCR, which has none; MSET of 10 on 1000 connections with pipeline 64, and with 1 KiB with 16, as
one turn of all connections would last as long as a run; a second redis-server as control (CONTROL=1 adds it).
HEADER

"$target/basalt-load" compare ${options[@]+"${options[@]}"} \
    --server "redis=target/oracle/redis-server --port {port} --dir {dir} --save ''" \
    --server "basalt=$target/basalt --port {port} --dir {dir} --save '' --cpus 0" \
    --workload "$(IFS=,; echo "${workloads[*]}")" --key-space "$keys" \
    --rounds "$rounds" --seconds "$seconds" --warmup "$warmup" --server-cpus 0 --client-cpus 1 \
    --markdown "$output.md" --json "$output.json" --html "$output.html"
echo "took $((SECONDS / 60)) minutes and $((SECONDS % 60)) s with building; results: $output.md, $output.json, $output.html"
