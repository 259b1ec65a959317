#!/usr/bin/env bash
# Puts redis-py, node-redis, ioredis and redis-rs into target/clients, for tests/clients.rs: a virtual environment of Python,
# a folder of npm, and a program built with cargo, all with pinned versions. Where Python's venv or Node are missing, root
# gets them from Debian.
set -euo pipefail
cd "$(dirname "$0")/.."

redis_py=7.4.1
node_redis=5.8.2
ioredis=6.0.0
clients=$PWD/target/clients

works_python() {
    "$clients/python/bin/python" -c "import redis; assert redis.__version__ == '$redis_py'" 2>/dev/null
}

works_node() {
    local modules=$clients/node/node_modules
    grep -qs "\"version\": \"$node_redis\"" "$modules/redis/package.json" &&
        grep -qs "\"version\": \"$ioredis\"" "$modules/ioredis/package.json" && command -v node >/dev/null
}

install() { # packages of Debian
    if [ "$(id -u)" != 0 ]; then
        echo "clients: $* missing; install them with: apt-get install $*" >&2
        return 1
    fi
    apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@" >/dev/null
}

fetch_python() {
    rm -rf "$clients/python"
    if ! python3 -m venv "$clients/python" >/dev/null 2>&1; then
        rm -rf "$clients/python"
        install python3-venv && python3 -m venv "$clients/python" || return 1
    fi
    "$clients/python/bin/pip" install --quiet --disable-pip-version-check "redis==$redis_py"
}

fetch_node() {
    { command -v node && command -v npm; } >/dev/null || install nodejs npm || return 1
    mkdir -p "$clients/node"
    npm install --silent --no-audit --no-fund --no-save --prefix "$clients/node" \
        "redis@$node_redis" "ioredis@$ioredis" >/dev/null
}

# Cargo sees by itself whether there is something to do; the lock beside the program pins the versions.
build_rust() {
    cargo build --quiet --locked --manifest-path tests/clients/redis_rs/Cargo.toml --target-dir "$clients/redis_rs"
}

mkdir -p "$clients"
works_python || { fetch_python && works_python; } || missing+=("redis-py $redis_py")
works_node || { fetch_node && works_node; } || missing+=("node-redis $node_redis and ioredis $ioredis")
build_rust || missing+=("redis-rs")
if [ -n "${missing:-}" ]; then
    printf 'clients: %s cannot be had\n' "${missing[@]}" >&2
    exit 1
fi
