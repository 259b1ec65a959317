#!/usr/bin/env python3
"""What a transaction costs: the CPU time of the server per MSET of 10 keys, and per EXEC of 10 SETs, with all keys on one
shard and over two, on the same server, in turns. Needs two CPUs and a release build.

    benches/transactions.py [--rounds 5] [--seconds 1] [--server target/release/basalt] [--redis target/oracle/redis-server]

Connections are those that core 0 serves. Keys with the tag {bar} belong to its shard, those with {foo} to the other. Values
have 64 bytes. The time is user and system time of all threads of the server, from /proc.
"""

import argparse
import os
import select
import socket
import statistics
import subprocess
import tempfile
import time

CONNECTIONS = 50
KEYS = 10_000
VALUE = b"x" * 64
TICKS = os.sysconf("SC_CLK_TCK")


def request(*words):
    return b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in words])


def keys(tags, number):
    return [b"{%s}:%06d" % (tags[index % len(tags)], (number * 10 + index) % KEYS) for index in range(10)]


def mset(tags, number):
    pairs = [word for key in keys(tags, number) for word in (key, VALUE)]
    return request(b"MSET", *pairs), len(b"+OK\r\n")


def execution(tags, number):
    sets = b"".join(request(b"SET", key, VALUE) for key in keys(tags, number))
    reply = len(b"+OK\r\n") + 10 * len(b"+QUEUED\r\n") + len(b"*10\r\n") + 10 * len(b"+OK\r\n")
    return request(b"MULTI") + sets + request(b"EXEC"), reply


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wanted = 0

    def ask(self, *words):
        self.socket.sendall(request(*words))
        return self.socket.recv(65536)


class Server:
    def __init__(self, command):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = command + ["--port", str(self.port), "--dir", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                return Connection(self.port).socket.close()
            except OSError:
                time.sleep(0.02)
        raise SystemExit("the server does not start: " + " ".join(command))

    def connections(self):
        found = []
        while len(found) < CONNECTIONS:
            connection = Connection(self.port)
            info = connection.ask(b"CLIENT", b"INFO")
            if b"shard=" not in info or b"shard=0" in info:
                found.append(connection)
        return found

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self):
        self.process.kill()
        self.process.wait()


def load(connections, server, make, tags, pipeline, seconds):
    """CPU microseconds per request."""
    batches = []
    for number in range(64):
        parts = [make(tags, number * pipeline + index) for index in range(pipeline)]
        batches.append((b"".join(part for part, _ in parts), sum(reply for _, reply in parts)))
    poll = select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    done, turn = 0, 0

    def send(connection):
        nonlocal turn
        data, connection.wanted = batches[turn % len(batches)]
        turn += 1
        connection.socket.sendall(data)

    begin, cpu = time.monotonic(), server.cpu_s()
    for connection in connections:
        poll.register(connection.socket, select.EPOLLIN)
        send(connection)
    while time.monotonic() - begin < seconds:
        for number, _ in poll.poll(1):
            connection = by_number[number]
            connection.wanted -= len(connection.socket.recv(1 << 20))
            if connection.wanted == 0:
                done += pipeline
                send(connection)
    cpu = server.cpu_s() - cpu
    for connection in connections:
        while connection.wanted > 0:
            connection.wanted -= len(connection.socket.recv(1 << 20))
    return 1e6 * cpu / done, done / seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=1)
    arguments.add_argument("--server", default="target/release/basalt")
    arguments.add_argument("--redis", default="target/oracle/redis-server")
    options = arguments.parse_args()
    basalt = Server([options.server, "--cpus", "0,1", "--shards", "2"])
    redis = Server(["taskset", "-c", "0", options.redis, "--save", ""])
    # Not before: the servers would inherit it.
    os.sched_setaffinity(0, {1})
    sides = {
        "one shard": (basalt, basalt.connections(), [b"bar"]),
        "two shards": (basalt, basalt.connections(), [b"bar", b"foo"]),
        "redis": (redis, redis.connections(), [b"bar", b"foo"]),
    }
    print(f"{'':14}{'pipeline':>9}{'side':>12}{'CPU us':>9}{'requests/s':>12}  over one shard, least .. most")
    for name, make in [("MSET of 10", mset), ("EXEC of 10", execution)]:
        for pipeline in [1, 16]:
            figures = {side: [] for side in sides}
            for _ in range(options.rounds):
                for side, (server, connections, tags) in sides.items():
                    figures[side].append(load(connections, server, make, tags, pipeline, options.seconds))
            for side, measured in figures.items():
                cpu = statistics.median(cpu for cpu, _ in measured)
                rate = statistics.median(rate for _, rate in measured)
                ratios = sorted(one[0] / base[0] for one, base in zip(measured, figures["one shard"]))
                ratio = statistics.median(ratios)
                print(
                    f"{name:14}{pipeline:>9}{side:>12}{cpu:>9.2f}{rate:>12,.0f}"
                    f"  {ratio:.2f} [{ratios[0]:.2f} .. {ratios[-1]:.2f}]"
                )
    basalt.stop()
    redis.stop()


if __name__ == "__main__":
    main()
