// What users of ioredis do, against the server on the port that is given.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const Redis = createRequire(import.meta.url)(process.env.CLIENTS).default;

const PORT = Number(process.argv[2]);
const WAIT_MS = 20_000;

const range = (count) => Array.from({ length: count }, (_, index) => index);

async function connect(options = {}) {
  const client = new Redis({ host: "127.0.0.1", port: PORT, lazyConnect: true, commandTimeout: WAIT_MS, ...options });
  client.on("error", (error) => console.error(error));
  await client.connect();
  return client;
}

async function eventually(isTrue) {
  const deadline = Date.now() + WAIT_MS;
  while (!(await isTrue())) {
    assert(Date.now() < deadline, "it never happened");
    await new Promise((done) => setTimeout(done, 2));
  }
}

async function checkConnection(client) {
  assert.equal(await client.ping(), "PONG");
  assert.match(await client.info("server"), /redis_version:7\./);
  assert.deepEqual(await client.config("GET", "databases"), ["databases", "16"]);
  assert.equal(await client.client("SETNAME", "checker"), "OK");
  assert.match(await client.client("LIST"), / name=checker /);
  const second = await connect({ db: 3, connectionName: "second" });
  assert.equal(await second.client("GETNAME"), "second");
  assert.equal(await second.set("here", "1"), "OK");
  assert.equal(await client.exists("here"), 0);
  assert.equal(await second.flushdb(), "OK");
  second.disconnect();
}

async function checkStrings(client) {
  assert.equal(await client.set("text", "value"), "OK");
  assert.equal(await client.get("text"), "value");
  assert.equal(await client.get("nothing"), null);
  assert.equal(await client.set("text", "other", "NX"), null);
  assert.equal(await client.set("text", "other", "EX", 100, "XX", "GET"), "value");
  assert((await client.ttl("text")) >= 98);
  assert.equal(await client.append("text", "!"), 6);
  const many = Object.fromEntries(range(100).map((i) => [`many:${i}`, String(i)]));
  assert.equal(await client.mset(many), "OK");
  assert.deepEqual(await client.mget("many:7", "nothing", "many:99"), ["7", null, "99"]);
  assert.equal(await client.incrby("number", 5), 5);
  await assert.rejects(client.incr("text"), /not an integer/);
  assert.equal(await client.del(...Object.keys(many)), 100);
  await client.flushall();
}

async function checkBytes(client) {
  const key = Buffer.from([0, 13, 10, 255]);
  const value = Buffer.from(range(256 * 4096).map((i) => i % 256));
  assert.equal(await client.set(key, value), "OK");
  assert((await client.getBuffer(key)).equals(value));
  assert((await client.getrangeBuffer(key, 254, 257)).equals(Buffer.from([254, 255, 0, 1])));
  const big = Buffer.alloc(12_000_000, "0123456789abcdef");
  const [set, got] = await Promise.all([client.set("big", big), client.getBuffer("big")]);
  assert(set === "OK" && got.equals(big));
  await client.flushall();
}

async function checkPipelines(client) {
  const pipeline = client.pipeline();
  range(2000).forEach((i) => pipeline.set(`pipe:${i}`, i).get(`pipe:${i}`));
  assert.deepEqual(await pipeline.exec(), range(2000).flatMap((i) => [[null, "OK"], [null, String(i)]]));
  const failed = await client.pipeline().set("word", "x").incr("word").get("word").exec();
  assert.match(failed[1][0].message, /not an integer/);
  assert.deepEqual([failed[0], failed[2]], [[null, "OK"], [null, "x"]]);
  await client.flushall();
}

// Whatever is asked for in one turn goes out as one pipeline, without being told to.
async function checkAutoPipelining(options) {
  const client = await connect({ ...options, enableAutoPipelining: true });
  const replies = await Promise.all(
    range(500).flatMap((i) => [client.set(`auto:${i}`, i), client.get(`auto:${i}`), client.incr("count")]),
  );
  assert.deepEqual(replies, range(500).flatMap((i) => ["OK", String(i), i + 1]));
  const [right, wrong] = await Promise.allSettled([client.get("auto:1"), client.call("INCR", "auto:x", "y")]);
  assert.equal(right.value, "1");
  assert.match(wrong.reason.message, /wrong number of arguments/);
  await client.flushall();
  client.disconnect();
}

async function checkTransactions(client, options) {
  const replies = await client.multi().set("a", 1).incr("a").mget("a", "b").exec();
  assert.deepEqual(replies, [[null, "OK"], [null, 2], [null, ["2", null]]]);
  const failed = await client.multi().set("word", "x").incr("word").set("after", 1).exec();
  assert.match(failed[1][0].message, /not an integer/);
  assert.equal(await client.get("after"), "1");
  await assert.rejects(client.multi().set("after", 2).call("GET").exec(), /EXECABORT/);
  assert.equal(await client.get("after"), "1");
  // One request at a time, as some write it.
  await client.multi({ pipeline: false });
  assert.equal(await client.set("after", 3), "QUEUED");
  assert.deepEqual(await client.exec(), [[null, "OK"]]);
  const other = await connect(options);
  await client.watch("a", "word");
  await other.set("a", "changed");
  assert.equal(await client.multi().set("a", "mine").exec(), null);
  await client.watch("a");
  await other.set("elsewhere", 1);
  assert.deepEqual(await client.multi().set("a", "mine").exec(), [[null, "OK"]]);
  other.disconnect();
  await client.flushall();
}

// Two counters go up together, by optimistic retries on connections of their own.
async function checkRetries(client, options) {
  const [workers, rounds] = [4, 40];
  await client.mset("up", 0, "down", 0);
  await Promise.all(
    range(workers).map(async () => {
      const own = await connect(options);
      for (let done = 0; done < rounds; ) {
        await own.watch("up", "down");
        const [up, down] = (await own.mget("up", "down")).map(Number);
        assert.equal(up + down, 0);
        if (await own.multi().set("up", up + 1).set("down", down - 1).exec()) done += 1;
      }
      own.disconnect();
    }),
  );
  assert.deepEqual(await client.mget("up", "down"), [String(workers * rounds), String(-workers * rounds)]);
  await client.flushall();
}

async function checkScan(client) {
  const expected = range(1500).map((i) => `scan:${i}`);
  await client.mset(Object.fromEntries(expected.map((key) => [key, "1"])));
  await client.mset(Object.fromEntries(range(200).map((i) => [`noise:${i}`, "1"])));
  const seen = async (options) => {
    const keys = new Set();
    for await (const page of client.scanStream(options)) page.forEach((key) => keys.add(key));
    return [...keys].sort();
  };
  assert.equal((await seen({})).length, 1700);
  assert.deepEqual(await seen({ match: "scan:*", count: 7 }), [...expected].sort());
  assert.equal(await client.dbsize(), 1700);
  await client.flushall();
}

// The library connects again, chooses the database again, and sends what is under way once more.
async function checkReconnection(client, options) {
  const own = await connect({ ...options, db: 5, connectionName: "killed", retryStrategy: () => 1 });
  await own.set("kept", "1");
  for (let round = 0; round < 5; round += 1) {
    const id = await own.client("ID");
    assert.equal(await client.client("KILL", "ID", id), 1);
    assert.deepEqual(await Promise.all(range(50).map(() => own.get("kept"))), Array(50).fill("1"));
    assert.notEqual(await own.client("ID"), id);
    assert.equal(await own.client("GETNAME"), "killed");
  }
  await own.flushdb();
  own.disconnect();
}

async function checkExpiry(client) {
  await client.set("soon", 1, "PX", 40);
  await client.set("later", 1, "EX", 100);
  assert((await client.pttl("soon")) <= 40);
  assert.equal(await client.persist("later"), 1);
  await eventually(async () => (await client.get("soon")) === null);
  assert.equal(await client.dbsize(), 1);
  await client.flushall();
}

for (const options of [{ protocol: 2 }, { protocol: 3 }]) {
  const client = await connect(options);
  await client.flushall();
  await checkConnection(client);
  await checkStrings(client);
  await checkBytes(client);
  await checkPipelines(client);
  await checkAutoPipelining(options);
  await checkTransactions(client, options);
  await checkRetries(client, options);
  await checkScan(client);
  await checkReconnection(client, options);
  await checkExpiry(client);
  await client.quit();
}
console.log("ok");
process.exit(0);
