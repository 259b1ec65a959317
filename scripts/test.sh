#!/usr/bin/env bash
# Fetches what the tests need and runs all of them. What cannot be had is skipped and named in the last line;
# with --all that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
all=${1:-}

# Thousands of connections are opened by some tests.
ulimit -n 16384 2>/dev/null || ulimit -n "$(ulimit -Hn)"

skipped=()
filter=()
if ! scripts/oracle.sh; then
    skipped+=("conformance" "comparisons with redis-server in tests/server")
    filter+=(--skip as_redis)
fi
if ! scripts/clients.sh; then
    skipped+=("client libraries in tests/clients.rs")
    filter+=(--skip client_library)
fi

# The servers that tests start live in folders below this one: whoever does not clean up is found by it.
TMPDIR=$(mktemp -d)
export TMPDIR
clean_up() {
    local process
    for process in /proc/[0-9]*; do
        if tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -qF -- "--dir $TMPDIR/"; then
            kill -KILL "${process#/proc/}" 2>/dev/null || true
        fi
    done
    rm -rf "$TMPDIR"
}
trap clean_up EXIT

log=target/test-output.txt
mkdir -p target
cargo test --workspace --no-fail-fast -- "${filter[@]}" 2>&1 | tee "$log"
echo
grep '^test result' "$log" | sort | uniq -c | sort -rn | head -n 40

if [ "${#skipped[@]}" -gt 0 ]; then
    [ "$all" != --all ] || status=1
    printf -v names '%s, ' "${skipped[@]}"
    echo "SKIPPED ${#skipped[@]} suites: ${names%, }"
fi
exit "${status:-0}"
