#!/usr/bin/env python3
"""What a request costs the generator itself: CPU time of basalt-load and of redis-benchmark, in turns, against the same
redis-server. Needs two CPUs and a release build; prints a table.

    benches/generators.py [--rounds 9] [--seconds 1] [--generator target/release/basalt-load] [--json FILE]

50 connections, values of 64 bytes, 100,000 keys; the server on CPU 0, generators on CPU 1, both ahead of all other work
if root runs this. The time is user and system time of the whole process, start and end included, as wait4 tells it;
ratios are those of the same round.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ORACLE = "target/oracle"
KEYS = "100000"
COMMANDS = {"get": "GET key:{key}", "set": "SET key:{key} {value}"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def start(options, cpu, words):
    boost = ["--boost"] if os.geteuid() == 0 else []
    place = [options.generator, "launch", "--parent", str(os.getpid()), "--cpus", cpu, *boost, "--"]
    return subprocess.Popen([*place, *words], stdout=subprocess.DEVNULL)


def cpu_us(options, words, requests):
    """CPU time in us per request of a program that makes so many of them."""
    program = start(options, "1", words)
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        sys.exit(f"{words[0]} ended with {program.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e6 / requests


def compare(options, port, operation, pipeline):
    """The rounds of one workload: pairs of redis-benchmark's and our time."""
    requests = int(options.seconds * min(150_000 * pipeline, 1_500_000))
    common = [str(requests), str(pipeline)]
    theirs = [f"{ORACLE}/redis-benchmark", "-p", port, "-t", operation, "-r", KEYS, "-d", "64", "-c", "50", "-q",
              "-n", common[0], "-P", common[1]]
    ours = [options.generator, "run", "--port", port, "--command", COMMANDS[operation], "--key-space", KEYS,
            "--connections", "50", "--requests", common[0], "--pipeline", common[1]]
    return [(cpu_us(options, theirs, requests), cpu_us(options, ours, requests)) for _ in range(options.rounds)]


def row(operation, pipeline, rounds):
    ratios = [ours / theirs for theirs, ours in rounds]
    return {
        "workload": f"{operation}-p{pipeline}",
        "redis_benchmark_cpu_us": statistics.median(theirs for theirs, _ in rounds),
        "basalt_load_cpu_us": statistics.median(ours for _, ours in rounds),
        "ratio": {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1, help="about so long for each run")
    parser.add_argument("--generator", default="target/release/basalt-load")
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = []
    port = free_port()
    print("| workload | redis-benchmark CPU us/request | basalt-load CPU us/request | ratio [least..most] |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        server = start(options, "0", [f"{ORACLE}/redis-server", "--port", port, "--save", "", "--dir", folder])
        try:
            time.sleep(0.5)
            subprocess.run([f"{ORACLE}/redis-benchmark", "-p", port, "-t", "set", "-n", "500000", "-r", KEYS, "-d", "64",
                            "-P", "32", "-q"], stdout=subprocess.DEVNULL, check=True)
            for operation in COMMANDS:
                for pipeline in (1, 16, 64):
                    rows.append(row(operation, pipeline, compare(options, port, operation, pipeline)))
                    print("| {workload} | {redis_benchmark_cpu_us:.3f} | {basalt_load_cpu_us:.3f} | {ratio[median]:.3f} "
                          "[{ratio[least]:.3f}..{ratio[most]:.3f}] |".format(**rows[-1]), flush=True)
        finally:
            server.kill()
            server.wait()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


main()
