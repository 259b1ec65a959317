#!/usr/bin/env bash
# Fuzzes one target of fuzz/ with libFuzzer and AddressSanitizer: scripts/fuzz.sh request|record|rdb|restore|aof [seconds].
# What it finds interesting goes to target/fuzz; copy what is worth keeping into fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?which target: request, record, rdb, restore or aof}
seconds=${2:-60}

# The stable compiler has sanitizers and coverage, but only admits to it under this name.
export RUSTC_BOOTSTRAP=1
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
machine="-Ctarget-cpu=x86-64-v2 -Ctarget-feature=+aes,+pclmulqdq"
export RUSTFLAGS="$machine -Zsanitizer=address $coverage"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/fuzz

cargo build --release --manifest-path fuzz/Cargo.toml --target x86_64-unknown-linux-gnu --bin "$target"
mkdir -p "$CARGO_TARGET_DIR/corpus/$target"
"$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/$target" \
    -max_total_time="$seconds" -max_len=4096 -artifact_prefix="$CARGO_TARGET_DIR/" \
    "$CARGO_TARGET_DIR/corpus/$target" "fuzz/corpus/$target"
