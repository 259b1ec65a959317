#!/usr/bin/env bash
# Runs the simulation from new seeds for half of some minutes, then live clients against a real server for the other half:
# scripts/soak.sh [minutes] [requests a second at most]. A failure names its seed.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-10}
rate=${2:-}

# Crowds of connections are part of it.
ulimit -n 16384 2>/dev/null || ulimit -n "$(ulimit -Hn)"

end=$((SECONDS + minutes * 30))
seeds=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while [ "$SECONDS" -lt "$end" ]; do
    if ! BASALT_SEEDS=5000 cargo test --quiet --test simulation -- --nocapture --skip each_flaw >"$log" 2>&1; then
        cat "$log"
        exit 1
    fi
    seeds=$((seeds + 5000))
done
echo "$seeds seeds in $((SECONDS / 60)) minutes, and nothing found"

[ -z "$rate" ] || export BASALT_RATE=$rate
BASALT_MINUTES=$((minutes / 2)).$((minutes % 2 * 5)) cargo test --release --test soak -- --nocapture
