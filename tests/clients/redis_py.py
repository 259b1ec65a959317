"""What users of redis-py do, against the server on the port that is given. The seed of what is random is fixed."""

import random
import sys
import threading
import time

import redis

PORT = int(sys.argv[1])
WAIT_S = 20


def connect(protocol=2, **options):
    return redis.Redis(
        port=PORT, protocol=protocol, decode_responses=True, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S, **options
    )


def raises(kind, text, run):
    try:
        result = run()
    except kind as error:
        assert text in str(error), (text, error)
        return error
    raise AssertionError(f"{kind} was expected, not {result}")


def eventually(is_true):
    deadline = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


def in_threads(count, run):
    failures = []

    def one(which):
        try:
            run(which)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(which,)) for which in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    if failures:
        raise failures[0]


def check_connection(client):
    assert client.ping() is True
    name = client.client_info()["lib-name"]
    assert name.startswith("redis-py"), name
    assert client.client_setname("tester") and client.client_getname() == "tester"
    assert client.info("server")["redis_version"].startswith("7.")
    assert client.config_get("databases") == {"databases": "16"}
    assert client.command_count() > 50
    assert client.echo("hello") == "hello"


def check_strings(client):
    assert client.set("text", "value") is True
    assert client.get("text") == "value" and client.get("nothing") is None
    assert client.set("text", "other", nx=True) is None
    assert client.set("text", "other", xx=True, get=True) == "value"
    assert client.append("text", "!") == 6 and client.strlen("text") == 6
    assert client.mset({f"many:{i}": i for i in range(100)}) is True
    assert client.mget([f"many:{i}" for i in range(-1, 100)]) == [None] + [str(i) for i in range(100)]
    assert client.msetnx({"many:5": 1, "new": 1}) is False and client.exists("new") == 0
    assert client.incr("number", 5) == 5 and client.decr("number", 7) == -2
    raises(redis.ResponseError, "not an integer", lambda: client.incr("text"))
    assert client.rename("text", "renamed") is True and client.exists("text", "renamed") == 1
    raises(redis.ResponseError, "no such key", lambda: client.rename("text", "again"))
    assert client.copy("renamed", "copied") is True
    assert client.delete(*[f"many:{i}" for i in range(100)], "nothing") == 100
    assert client.type("copied") == "string" and client.unlink("copied", "renamed") == 2
    binary = redis.Redis(port=PORT, socket_timeout=WAIT_S)
    value = bytes(range(256)) * 4096
    assert binary.set(b"\x00\r\n\xff", value) and binary.get(b"\x00\r\n\xff") == value
    assert binary.getrange(b"\x00\r\n\xff", 255, 257) == b"\xff\x00\x01"


def check_pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for i in range(2000):
            pipe.set(f"pipe:{i}", i).get(f"pipe:{i}")
        replies = pipe.execute()
    assert replies == [reply for i in range(2000) for reply in (True, str(i))]
    with client.pipeline(transaction=True) as pipe:
        replies = pipe.set("a", 1).incr("a").set("b", 2).mget("a", "b", "c").delete("a", "b").execute()
    assert replies == [True, 2, True, ["2", "2", None], 2]
    with client.pipeline(transaction=True) as pipe:
        assert pipe.execute() == []
    assert client.pipeline().set("a", 1).reset() is None and client.get("a") is None


def check_errors(client):
    # An error while a queued command runs leaves the others alone.
    pipe = client.pipeline(transaction=True)
    pipe.set("word", "x").incr("word").set("after", 1)
    replies = pipe.execute(raise_on_error=False)
    assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] is True, replies
    pipe = client.pipeline(transaction=True)
    pipe.incr("word").set("after", 2)
    raises(redis.ResponseError, "Command # 1", pipe.execute)
    assert client.get("after") == "2"
    # An error while commands are queued refuses all.
    pipe = client.pipeline(transaction=True)
    pipe.set("after", 3)
    pipe.execute_command("NOSUCH")
    raises(redis.ResponseError, "unknown command", pipe.execute)
    pipe = client.pipeline(transaction=True)
    pipe.set("after", 3)
    pipe.execute_command("GET")
    raises(redis.ResponseError, "wrong number of arguments", pipe.execute)
    assert client.get("after") == "2"
    single = connect(single_connection_client=True)
    assert single.execute_command("MULTI") == "OK"
    assert single.execute_command("APPEND", "after", 4) == "QUEUED"
    raises(redis.ResponseError, "not be nested", lambda: single.execute_command("MULTI"))
    raises(redis.ResponseError, "not allowed", lambda: single.execute_command("WATCH", "after"))
    assert single.execute_command("DISCARD") == "OK"
    raises(redis.ResponseError, "without MULTI", lambda: single.execute_command("EXEC"))
    assert client.get("after") == "2" and client.delete("word", "after") == 2


def check_watch(client):
    client.mset({"watched": 1, "other": 1})
    with client.pipeline() as pipe:
        pipe.watch("watched", "other")
        value = int(pipe.get("watched"))
        client.set("other", 2)
        pipe.multi()
        pipe.set("watched", value + 1)
        raises(redis.WatchError, "", pipe.execute)
        assert client.get("watched") == "1"
        pipe.watch("watched", "other")
        client.set("elsewhere", 1)
        pipe.multi()
        assert pipe.set("watched", 2).get("other").execute() == [True, "2"]
        pipe.watch("watched")
        client.set("watched", 3)
        pipe.unwatch()
        pipe.multi()
        assert pipe.get("watched").execute() == ["3"]
    client.delete("watched", "other", "elsewhere")


def check_transaction_helper(client, protocol):
    """Two counters on two keys go up together, by optimistic retries of several threads."""
    threads, rounds = 4, 60
    client.mset({"up": 0, "down": 0})

    def run(which):
        own = connect(protocol)

        def change(pipe):
            up, down = (int(value) for value in pipe.mget("up", "down"))
            assert up == -down, (up, down)
            pipe.multi()
            pipe.set("up", up + 1)
            pipe.set("down", down - 1)

        for _ in range(rounds):
            assert own.transaction(change, "up", "down") == [True, True]

    in_threads(threads, run)
    assert client.mget("up", "down") == [str(threads * rounds), str(-threads * rounds)]
    client.delete("up", "down")


def check_scan(client):
    client.flushall()
    expected = {f"scan:{i}" for i in range(1500)}
    client.mset({key: 1 for key in expected})
    client.mset({f"noise:{i}": 1 for i in range(200)})
    assert set(client.scan_iter()) == expected | {f"noise:{i}" for i in range(200)}
    assert set(client.scan_iter(match="scan:*", count=7)) == expected
    assert set(client.scan_iter(match="scan:1?", count=500)) == {f"scan:{i}" for i in range(10, 20)}
    assert set(client.keys("noise:*")) == {f"noise:{i}" for i in range(200)}
    assert client.dbsize() == 1700 and client.randomkey() is not None
    # What is there throughout is seen, whatever comes and goes.
    seen = set()
    for count, key in enumerate(client.scan_iter(match="scan:*", count=50)):
        seen.add(key)
        client.set(f"come:{count}", 1)
        client.delete(f"noise:{count}")
    assert seen == expected
    assert client.flushdb() is True and client.dbsize() == 0


def check_expiry(client):
    client.set("soon", 1, px=40)
    client.set("later", 1, ex=100)
    assert 0 < client.pttl("soon") <= 40 and 98 <= client.ttl("later") <= 100
    assert client.expire("later", 200) and client.ttl("later") > 100 and client.persist("later")
    assert client.ttl("later") == -1 and client.ttl("nothing") == -2
    assert client.expireat("later", int(time.time()) + 50) and client.ttl("later") <= 50
    assert client.getex("later", persist=True) == "1" and client.ttl("later") == -1
    eventually(lambda: client.get("soon") is None)
    for i in range(50):
        client.set(f"gone:{i}", i, px=5)
    eventually(lambda: client.dbsize() == 1)
    assert client.mget([f"gone:{i}" for i in range(50)] + ["later"]) == [None] * 50 + ["1"]
    client.delete("later")


def check_databases():
    first, second = connect(db=1), connect(db=2)
    assert first.set("here", 1) and second.get("here") is None
    assert first.move("here", 2) and second.get("here") == "1" and first.dbsize() == 0
    second.flushdb()


def check_threads_of_one_pool(client):
    """Many threads share a pool; every reply is that of the request."""

    def run(which):
        chance = random.Random(which)
        for turn in range(60):
            keys = [f"pool:{which}:{chance.randrange(20)}" for _ in range(5)]
            with client.pipeline(transaction=bool(turn % 2)) as pipe:
                for key in keys:
                    pipe.set(key, key).get(key)
                assert pipe.execute() == [reply for key in keys for reply in (True, key)]

    in_threads(8, run)
    client.flushdb()


def main():
    for protocol in (2, 3):
        client = connect(protocol)
        client.flushall()
        check_connection(client)
        check_strings(client)
        check_pipelines(client)
        check_errors(client)
        check_watch(client)
        check_transaction_helper(client, protocol)
        check_scan(client)
        check_expiry(client)
        check_threads_of_one_pool(client)
    check_databases()
    print("ok")


main()
