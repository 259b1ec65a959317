#!/usr/bin/env bash
# Runs the tests of the key space with AddressSanitizer: scripts/asan.sh [steps of each comparison with the model].
# The system's allocator serves them, so that the sanitizer sees every block; entries inside of slabs it does not tell apart.
set -euo pipefail
cd "$(dirname "$0")/.."
export BASALT_STEPS=${1:-300000}

# The stable compiler has sanitizers, but only admits to it under this name.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Ctarget-cpu=x86-64-v2 -Ctarget-feature=+aes,+pclmulqdq -Zsanitizer=address"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/asan

cargo test --target x86_64-unknown-linux-gnu --lib -- keyspace
