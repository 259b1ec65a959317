// What users of node-redis do, against the server on the port that is given.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { createClient, createClientPool, WatchError } = createRequire(import.meta.url)(process.env.CLIENTS);

const PORT = Number(process.argv[2]);
const WAIT_MS = 20_000;

async function connect(RESP) {
  const client = createClient({ RESP, socket: { host: "127.0.0.1", port: PORT, reconnectStrategy: false } });
  client.on("error", (error) => console.error(error));
  return client.connect();
}

async function eventually(isTrue) {
  const deadline = Date.now() + WAIT_MS;
  while (!(await isTrue())) {
    assert(Date.now() < deadline, "it never happened");
    await new Promise((done) => setTimeout(done, 2));
  }
}

const range = (count) => Array.from({ length: count }, (_, index) => index);

async function checkStrings(client) {
  assert.equal(await client.ping(), "PONG");
  assert.equal(await client.set("text", "value"), "OK");
  assert.equal(await client.get("text"), "value");
  assert.equal(await client.get("nothing"), null);
  assert.equal(await client.set("text", "other", { condition: "NX" }), null);
  assert.equal(await client.append("text", "!"), 6);
  assert.equal(await client.mSet(Object.fromEntries(range(100).map((i) => [`many:${i}`, String(i)]))), "OK");
  assert.deepEqual(await client.mGet(["many:7", "nothing", "many:99"]), ["7", null, "99"]);
  assert.equal(await client.incrBy("number", 5), 5);
  await assert.rejects(client.incr("text"), /not an integer/);
  assert.equal(await client.rename("text", "renamed"), "OK");
  await assert.rejects(client.rename("text", "again"), /no such key/);
  assert.equal(await client.del(range(100).map((i) => `many:${i}`)), 100);
  await client.flushAll();
}

async function checkPipelines(client) {
  // Whatever is asked for in one turn goes out in one write.
  const replies = await Promise.all(range(2000).flatMap((i) => [client.set(`pipe:${i}`, i), client.get(`pipe:${i}`)]));
  assert.deepEqual(replies, range(2000).flatMap((i) => ["OK", String(i)]));
  const piped = await client.multi().set("a", "1").incr("a").get("a").execAsPipeline();
  assert.deepEqual(piped, ["OK", 2, "2"]);
  // Transactions and single commands that are under way together.
  const mixed = await Promise.all(
    range(200).map((i) => (i % 2 ? client.get("a") : client.multi().incr("a").incr("b").mGet(["a", "b"]).exec())),
  );
  mixed.forEach((reply, i) => {
    const turn = Math.floor(i / 2) + 1;
    assert.deepEqual(reply, i % 2 ? String(2 + turn) : [2 + turn, turn, [String(2 + turn), String(turn)]]);
  });
  await client.flushAll();
}

async function checkTransactions(client) {
  const replies = await client.multi().set("a", "1").set("b", "2").mGet(["a", "b", "c"]).del(["a", "b"]).exec();
  assert.deepEqual(replies, ["OK", "OK", ["1", "2", null], 2]);
  assert.deepEqual(await client.multi().exec(), []);
  // An error while a queued command runs leaves the others alone.
  const failed = await client.multi().set("word", "x").incr("word").set("after", "1").exec().catch((error) => error);
  assert.match(failed.replies[1].message, /not an integer/);
  assert.deepEqual([failed.replies[0], failed.replies[2]], ["OK", "OK"]);
  assert.equal(await client.get("after"), "1");
  // An error while commands are queued refuses all.
  const refused = client.multi().set("after", "2").addCommand(["NOSUCH"]).exec();
  await assert.rejects(refused, /EXECABORT|unknown command/);
  assert.equal(await client.get("after"), "1");
  assert.equal(await client.sendCommand(["MULTI"]), "OK");
  assert.equal(await client.sendCommand(["SET", "after", "3"]), "QUEUED");
  await assert.rejects(client.sendCommand(["MULTI"]), /not be nested/);
  assert.equal(await client.sendCommand(["DISCARD"]), "OK");
  await assert.rejects(client.sendCommand(["EXEC"]), /without MULTI/);
  assert.equal(await client.get("after"), "1");
  await client.flushAll();
}

async function checkWatch(client, RESP) {
  const other = await connect(RESP);
  await client.mSet({ watched: "1", other: "1" });
  await client.watch(["watched", "other"]);
  await other.set("other", "2");
  await assert.rejects(client.multi().set("watched", "2").exec(), WatchError);
  assert.equal(await client.get("watched"), "1");
  await client.watch(["watched", "other"]);
  await other.set("elsewhere", "1");
  assert.deepEqual(await client.multi().set("watched", "2").get("other").exec(), ["OK", "2"]);
  await client.watch("watched");
  await other.set("watched", "3");
  await client.unwatch();
  assert.deepEqual(await client.multi().get("watched").exec(), ["3"]);
  other.destroy();
  await client.flushAll();
}

// Two counters on two keys go up together, by optimistic retries on connections of a pool.
async function checkPool(client, RESP) {
  const [workers, rounds] = [4, 60];
  const pool = createClientPool({ RESP, socket: { host: "127.0.0.1", port: PORT } }, { maximum: workers });
  pool.on("error", (error) => console.error(error));
  await pool.connect();
  await client.mSet({ up: "0", down: "0" });
  const change = async (isolated) => {
    await isolated.watch(["up", "down"]);
    const [up, down] = (await isolated.mGet(["up", "down"])).map(Number);
    assert.equal(up + down, 0);
    return isolated.multi().set("up", String(up + 1)).set("down", String(down - 1)).exec();
  };
  const work = async () => {
    for (let done = 0; done < rounds; ) {
      const result = await pool.execute(change).catch((error) => error);
      if (result instanceof WatchError) continue;
      assert.deepEqual(result, ["OK", "OK"]);
      done += 1;
    }
  };
  await Promise.all(range(workers).map(work));
  assert.deepEqual(await client.mGet(["up", "down"]), [String(workers * rounds), String(-workers * rounds)]);
  await pool.close();
  await client.flushAll();
}

async function checkScan(client) {
  const expected = new Set(range(1500).map((i) => `scan:${i}`));
  await client.mSet(Object.fromEntries([...expected].map((key) => [key, "1"])));
  await client.mSet(Object.fromEntries(range(200).map((i) => [`noise:${i}`, "1"])));
  const seen = async (options) => {
    const keys = new Set();
    for await (const page of client.scanIterator(options)) page.forEach((key) => keys.add(key));
    return keys;
  };
  assert.equal((await seen({})).size, 1700);
  assert.deepEqual([...(await seen({ MATCH: "scan:*", COUNT: 7 }))].sort(), [...expected].sort());
  assert.equal(await client.dbSize(), 1700);
  await client.flushAll();
}

async function checkExpiry(client) {
  await client.set("soon", "1", { expiration: { type: "PX", value: 40 } });
  await client.set("later", "1", { expiration: { type: "EX", value: 100 } });
  assert((await client.pTTL("soon")) <= 40);
  assert((await client.ttl("later")) >= 98);
  assert.equal(await client.persist("later"), 1);
  assert.equal(await client.ttl("later"), -1);
  await eventually(async () => (await client.get("soon")) === null);
  assert.equal(await client.dbSize(), 1);
  await client.flushAll();
}

for (const RESP of [2, 3]) {
  const client = await connect(RESP);
  await client.flushAll();
  await checkStrings(client);
  await checkPipelines(client);
  await checkTransactions(client);
  await checkWatch(client, RESP);
  await checkPool(client, RESP);
  await checkScan(client);
  await checkExpiry(client);
  await client.close();
}
console.log("ok");
process.exit(0);
