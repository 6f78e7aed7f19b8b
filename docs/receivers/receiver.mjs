// Receives the tracker's events: verifies each one, handles it once, then answers. Needs only Node 18 or newer.
//
// WEBHOOK_SECRETS='whsec_…' PORT=8000 SEEN=seen node receiver.mjs

import { createHmac, timingSafeEqual } from "node:crypto";
import { access, mkdir, open } from "node:fs/promises";
import { createServer } from "node:http";

const SEEN = process.env.SEEN || "seen";
const TOLERANCE_S = 300;
const BODY_MAX = 1_000_000;
const KEYS = (process.env.WEBHOOK_SECRETS || "") // the old and the new one while the secret is being changed
  .split(" ")
  .map((secret) => (secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret)))
  .filter((key) => key.length > 0);

const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

// True if it was signed with one of our keys in the last five minutes. A recorded request cannot be replayed later.
function isGenuine(id, at, signatures, body) {
  if (!/^\d{1,11}$/.test(at) || Math.abs(Date.now() / 1000 - Number(at)) > TOLERANCE_S) return false;
  const given = signatures.split(" ").map((one) => Buffer.from(one));
  return KEYS.some((key) => {
    const digest = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest("base64");
    return given.some((one) => same(one, Buffer.from(`v1,${digest}`)));
  });
}

const busy = new Set(); // ids of events that are being handled: the same event may arrive again meanwhile

// Handles an event unless that was done before. The record of an event is an empty file with its id as the name.
async function take(id, event) {
  if (await access(`${SEEN}/${id}`).then(() => true, () => false)) return;
  await handle(event);
  const record = await open(`${SEEN}/${id}`, "w");
  await record.sync();
  await record.close();
}

// Your work goes here. If it throws, nothing is recorded, and the event is sent again. It is also sent
// again if the machine stops right after it, so it should do no harm when it runs twice.
async function handle(event) {
  console.log("handled", event.id, event.type);
}

async function receive(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    if ((size += piece.length) > BODY_MAX) return 413;
    pieces.push(piece);
  }
  const body = Buffer.concat(pieces);
  const header = (name) => request.headers[`webhook-${name}`] || "";
  const id = header("id");
  if (!isGenuine(id, header("timestamp"), header("signature"), body)) return 401;
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(id)) return 400;
  if (busy.has(id)) return 503;
  busy.add(id);
  try {
    await take(id, JSON.parse(body));
  } finally {
    busy.delete(id);
  }
  return 204;
}

await mkdir(SEEN, { recursive: true });
createServer((request, response) => {
  receive(request)
    .catch((error) => (console.error(error), 500))
    .then((code) => response.writeHead(code).end());
}).listen(Number(process.env.PORT || 8000), "127.0.0.1");
