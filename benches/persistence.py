#!/usr/bin/env python3
"""What persistence costs while it works: Basalt beside redis-server, one core each, in turns.

    benches/persistence.py [--rounds 5] [--keys 5000000] [--only compaction,loading,readers] [--json FILE]
                           [--target target/release] [--redis target/oracle/redis-server] [--size 64]

compaction  SETs over all keys (50 connections, pipeline 1, everysec) without and with BGREWRITEAOF: p99.9 with over without,
            the peak of the resident memory over that before (of Redis with its child: what neither shares counted once, by Pss)
loading     seconds from the start of the process until all keys are there, from a log of SETs without a base
readers     p99 of GETs on 40 connections while 10 connections SET under `appendfsync always`

CPU 0 is the server's, CPU 1 the generator's. Needs a release build of basalt and basalt-load.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time


class Server:
    def __init__(self, name, command, folder, flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.name = name
        self.begun = time.monotonic()
        command = ["taskset", "-c", "0", *command, "--port", str(self.port), "--dir", folder, "--save", "", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def ask(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=600) as connection:
            line = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in (w.encode() for w in words))
            connection.sendall(b"*%d\r\n" % len(words) + line)
            reply = connection.recv(1 << 16)
            while not reply.endswith(b"\r\n"):
                reply += connection.recv(1 << 16)
            return reply.decode()

    def wait(self, is_there):
        for _ in range(60_000):
            try:
                if is_there(self):
                    return time.monotonic() - self.begun
            except OSError:
                pass
            time.sleep(0.01)
        raise SystemExit(f"{self.name} does not come to it")

    def resident(self):
        """Bytes, of a forked child as well."""
        children = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split()
        total = 0
        for pid in [str(self.process.pid), *children]:
            try:
                for line in open(f"/proc/{pid}/smaps_rollup"):
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
            except OSError:
                pass
        return total

    def field(self, name):
        info = self.ask("INFO", "persistence")
        return next(line.split(":")[1] for line in info.split("\r\n") if line.startswith(name + ":"))

    def stop(self):
        self.process.kill()
        self.process.wait()


def load(options, server, seconds, command, connections, preload=None):
    with tempfile.NamedTemporaryFile() as out:
        line = [
            "taskset", "-c", "1", f"{options.target}/basalt-load", "run", "--port", str(server.port),
            "--cpus", "1", "--connections", str(connections), "--seconds", str(seconds), "--key-space", str(options.keys),
            "--value-size", str(options.size), "--command", command, "--json", out.name,
        ]
        if preload:
            line += ["--preload", preload]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return json.load(open(out.name))


SET = "SET key:{key} {value}"


def compaction(options, name, command):
    """One round: p99.9 without and with a compaction, in microseconds, and the peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"]
        server = Server(name, command, folder, flags)
        server.wait(lambda it: it.ask("PING") == "+PONG\r\n")
        load(options, server, 1, SET, 50, preload=SET)
        seconds = 4
        without = load(options, server, seconds, SET, 50)["latency_us"]["p999"]
        server.ask("BGREWRITEAOF")
        during = load(options, server, seconds, SET, 50)["latency_us"]["p999"]
        server.wait(lambda it: it.field("aof_rewrite_in_progress") == "0")
        # In another one: reading page tables stops the process now and then.
        before = server.resident()
        server.ask("BGREWRITEAOF")
        begun, peak, ended = time.monotonic(), before, []

        def watch():
            nonlocal peak
            while not ended:
                peak = max(peak, server.resident())
                if server.field("aof_rewrite_in_progress") == "0":
                    ended.append(time.monotonic() - begun)
                time.sleep(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        while not ended:
            load(options, server, 1, SET, 50)
        watcher.join()
        server.stop()
        return {
            "p999_without_us": without, "p999_during_us": during, "p999_ratio": during / without,
            "resident_before": before, "peak_ratio": peak / before, "seconds": ended[0],
        }


def loading(options, name, command):
    """One round: seconds until all keys are there."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"]
        server = Server(name, command, folder, flags)
        server.wait(lambda it: it.ask("PING") == "+PONG\r\n")
        load(options, server, 0.2, "GET key:{key}", 50, preload=SET)
        keys = server.ask("DBSIZE")
        time.sleep(1.5)
        server.process.terminate()
        server.process.wait()
        server = Server(name, command, folder, flags)
        seconds = server.wait(lambda it: it.ask("DBSIZE") == keys)
        server.stop()
        return {"keys": int(keys[1:]), "seconds": seconds}


def readers(options, name, command):
    """One round: p99 of GETs while others write, in microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]
        server = Server(name, command, folder, flags)
        server.wait(lambda it: it.ask("PING") == "+PONG\r\n")
        small = argparse.Namespace(**{**vars(options), "keys": 10_000})
        load(small, server, 0.5, SET, 10)
        writer = threading.Thread(target=load, args=(small, server, 4, SET, 10))
        writer.start()
        time.sleep(0.5)
        read = load(small, server, 3, "GET key:{key}", 40)
        writer.join()
        server.stop()
        return {"get_p99_us": read["latency_us"]["p99"], "gets_per_second": read["requests_per_second"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=5_000_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--only", default="compaction,loading,readers")
    parser.add_argument("--json")
    parser.add_argument("--target", default="target/release")
    parser.add_argument("--redis", default="target/oracle/redis-server")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    servers = {"redis": [options.redis], "basalt": [f"{options.target}/basalt", "--cpus", "0"]}
    results = {}
    for what in options.only.split(","):
        rounds = {name: [] for name in servers}
        for number in range(options.rounds):
            for name, command in servers.items():
                rounds[name].append(globals()[what](options, name, command))
                print(what, number + 1, name, json.dumps(rounds[name][-1]), flush=True)
        results[what] = rounds
        for figure in rounds["redis"][0]:
            medians = {name: statistics.median(one[figure] for one in rounds[name]) for name in servers}
            ratio = medians["basalt"] / medians["redis"] if medians["redis"] else float("nan")
            print(f"{what:12} {figure:18} redis {medians['redis']:14.3f}  basalt {medians['basalt']:14.3f}  ratio {ratio:.3f}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    main()
