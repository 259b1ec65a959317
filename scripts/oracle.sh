#!/usr/bin/env bash
# Puts redis-server, redis-cli and redis-benchmark 7.0.15 into target/oracle, for the tests that compare with them.
# Nothing is installed: Debian's package redis-tools is unpacked, and the libraries it needs beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

version=7.0.15
oracle=$PWD/target/oracle
programs="redis-server redis-cli redis-benchmark"
libraries="libatomic1 libjemalloc2 liblzf1 libssl3 libsystemd0 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1"

works() {
    local program
    for program in $programs; do
        "$1/$program" --version 2>/dev/null | grep -q "$version" || return 1
    done
}

fetch() { # package: its file, in the current folder
    apt-get download "$1" >/dev/null 2>&1 && return
    # The lists of packages may be absent or old; once is enough.
    if [ ! -e .updated ]; then
        touch .updated
        if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq; fi || true
    fi
    apt-get download "$1" >/dev/null
}

unpack() {
    rm -rf "$oracle"
    mkdir -p "$oracle/packages" "$oracle/root"
    cd "$oracle/packages"
    # Any build of this version will do: security updates change only what follows it.
    fetch redis-tools
    local build
    build=$(apt-cache madison redis-tools | awk '{print $3}' | grep -m 1 ":$version-" || true)
    [ -n "$build" ] && fetch "redis-tools=$build"
    dpkg -x "$(ls redis-tools_*"$version"* | head -n 1)" "$oracle/root"
    # The server is the same program as redis-check-rdb: it goes by the name it was called with.
    ln -s redis-check-rdb "$oracle/root/usr/bin/redis-server"
    if ldd "$oracle/root/usr/bin/redis-check-rdb" | grep -q "not found"; then
        local library
        for library in $libraries; do
            fetch "$library" && dpkg -x "$library"_*.deb "$oracle/root" || true
        done
    fi
    local program paths
    paths=$(find "$oracle/root" -name 'lib*.so*' -exec dirname {} + | sort -u | paste -sd :)
    for program in $programs; do
        printf '#!/bin/sh\nexec env LD_LIBRARY_PATH="%s" "%s" "$@"\n' \
            "$paths" "$oracle/root/usr/bin/$program" >"$oracle/$program"
        chmod +x "$oracle/$program"
    done
    rm -r "$oracle/packages"
}

link_installed() {
    rm -rf "$oracle"
    mkdir -p "$oracle"
    local program
    for program in $programs; do
        ln -s "$(command -v "$program")" "$oracle/$program" || return 1
    done
}

works "$oracle" && exit
if command -v apt-get dpkg >/dev/null && (unpack) && works "$oracle"; then exit; fi
if link_installed 2>/dev/null && works "$oracle"; then exit; fi
rm -rf "$oracle"
echo "oracle: redis-tools $version is neither in the package lists nor installed; put redis-server, redis-cli and" >&2
echo "oracle: redis-benchmark of that version on the PATH, or their packages into the lists of apt." >&2
exit 1
