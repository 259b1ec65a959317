#!/usr/bin/env bash
# Runs the simulation from new seeds for some minutes: scripts/soak.sh [minutes]. A failure names its seed.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-10}

end=$((SECONDS + minutes * 60))
seeds=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while [ "$SECONDS" -lt "$end" ]; do
    if ! BASALT_SEEDS=5000 cargo test --quiet --test simulation -- --nocapture >"$log" 2>&1; then
        cat "$log"
        exit 1
    fi
    seeds=$((seeds + 5000))
done
echo "$seeds seeds in $((SECONDS / 60)) minutes, and nothing found"
