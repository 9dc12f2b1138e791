// @ts-check
/**
 * The other side of `tests/interop.rs`: reads one session a line from standard input, opens it, seals
 * it again, and says what it read. Not part of the package.
 */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Key, KeyRing, Refused, Sessions } from './sealed-session.mjs';
import { TYPES, hex } from './vectors/parts.mjs';

/** @type {Map<string, Promise<Sessions<any>>>} */
const servers = new Map();

/** @param {any} server */
function sessionsOf(server) {
  const { app, cookie, key, type, padding, schema } = server;
  const name = JSON.stringify(server);
  const made = servers.get(name) ?? Key.parse(key).then((key) => {
    const longestTimeouts = { idle: 10_000_000, absolute: 40_000_000 };
    return new Sessions({ app, cookieName: cookie, keys: KeyRing.of(key), data: TYPES[type], padding, schema, longestTimeouts });
  });
  servers.set(name, made);
  return made;
}

/** @param {string} line */
async function answer(line) {
  const { server, value, now, again, cut } = JSON.parse(line);
  const sessions = await sessionsOf(server);
  try {
    const session = await sessions.open(value, now);
    const { data, ...stamps } = session;
    const sealed = await sessions.seal({ ...session, cut }, again);
    return { stamps: { ...stamps, timeouts: stamps.timeouts ?? null }, data: hex(TYPES[server.type].write(data)), value: sealed };
  } catch (error) {
    if (error instanceof Refused) return { refused: error.reason };
    throw error;
  }
}

/** @type {Promise<any>[]} */
let batch = [];
async function flush() {
  const answers = await Promise.all(batch);
  batch = [];
  if (!process.stdout.write(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''))) await once(process.stdout, 'drain');
}

for await (const line of createInterface({ input: process.stdin })) {
  batch.push(answer(line));
  if (batch.length === 64) await flush();
}
await flush();
