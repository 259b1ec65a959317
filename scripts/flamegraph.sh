#!/usr/bin/env bash
# Profiles the server under one workload and draws flamegraphs/<date>-<workload>.svg: scripts/flamegraph.sh get-p16 [seconds].
# User and kernel frames; each shard's thread is a root of its own. STACKS=FILE keeps the folded stacks.
# Needs perf (Debian: linux-perf) and inferno: what is missing is fetched, inferno into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."
workload=${1:-get-p16}
seconds=${2:-5}
port=${PORT:-7379}

if ! command -v perf >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update -qq && apt-get install -qq linux-perf; } >/dev/null || true
fi
command -v perf >/dev/null || { echo "perf is missing: install Debian's package linux-perf" >&2; exit 1; }
export PATH=$PWD/target/tools/bin:$PATH
if ! command -v inferno-flamegraph >/dev/null; then
    cargo install --locked --root target/tools inferno
fi

operation=${workload%%-p*}
pipeline=${workload##*-p}
cpus=0 key="key:{key}" one_core=()
case $operation in
    get) command="GET $key" ;;
    set) command="SET $key {value}" ;;
    # Every key belongs to the second of two cores, every connection to the first.
    cross) cpus=0,1 key="{=foo}:{key}" command="GET $key" one_core=(--shard 0) ;;
    *) echo "unknown workload $workload: use get-pN, set-pN or cross-pN" >&2; exit 1 ;;
esac

cargo build --release --workspace
target=${CARGO_TARGET_DIR:-target}/release
folder=$(mktemp -d)
"$target/basalt" --port "$port" --dir "$folder" --save "" --cpus "$cpus" >"$folder/log" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$folder"' EXIT
sleep 1
"$target/basalt-load" run --port "$port" --cpus 1 --connections 50 --pipeline "$pipeline" --seconds $((seconds + 2)) \
    --key-space 1000000 --preload "SET $key {value}" "${one_core[@]}" --command "$command" --json "$folder/load.json" &
load=$!
# The preload comes first.
sleep 2
perf record --event cpu-clock --freq 999 --call-graph dwarf,16384 --pid "$server" --output "$folder/perf.data" \
    -- sleep "$seconds" >/dev/null 2>&1
wait "$load"
output=flamegraphs/$(date +%Y-%m-%d)-$workload.svg
# Threads are named shard-N; without --tid or --pid inferno makes a root of each name.
perf script --input "$folder/perf.data" 2>/dev/null | inferno-collapse-perf >"$folder/stacks"
[ -z "${STACKS:-}" ] || cp "$folder/stacks" "$STACKS"
inferno-flamegraph --title "Basalt, $workload" <"$folder/stacks" >"$output"
echo "$output"
