// @ts-check
/** What the vectors do not say: what a writer makes, and what it refuses. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Double, Key, KeyRing, Sessions, WriteError, createdAt, dynamic } from '../sealed-session.mjs';
import { NOW, SECOND, bytes, text } from '../vectors/parts.mjs';

const key = await Key.generate();
const sessions = (more = {}) => new Sessions({ app: 'shop', keys: KeyRing.of(key), data: dynamic, ...more });
const json = (/** @type {any} */ data) => new TextDecoder().decode(dynamic.write(data)).slice(1);
/** @param {string} code */
const refused = (code) => (/** @type {unknown} */ error) => error instanceof WriteError && error.code === code;

test('a session comes back', async () => {
  const session = sessions().create({ visits: 1, user: 'ann' }, NOW);
  assert.equal(createdAt(session), NOW);
  const value = await sessions().seal(session, NOW + 90_500);
  const { session: loaded, cookies } = await sessions().load(`a=1; __Host-session=${value}`, NOW + 90_500);
  assert.equal(JSON.stringify(loaded), JSON.stringify({ ...session, renewed: 90, data: { user: 'ann', visits: 1 } }));
  assert.equal(cookies, 1);
});

test('every seal draws another nonce', async () => {
  const session = sessions().create({}, NOW);
  assert.notEqual(await sessions().seal(session, NOW), await sessions().seal(session, NOW));
});

test('a request without our cookie is a new visitor', async () => {
  assert.deepEqual(await sessions().load(undefined, NOW), { cookies: 0 });
  assert.deepEqual(await sessions().load(new Headers({ cookie: 'a=1' }), NOW), { cookies: 0 });
});

test('renewed never goes back and never passes the absolute timeout', async () => {
  const renewed = async (/** @type {any} */ change, /** @type {number} */ now) => {
    const session = { ...sessions().create({}, NOW), ...change };
    return (await sessions().open(await sessions().seal(session, now), NOW + 28_799 * SECOND)).renewed;
  };
  assert.equal(await renewed({ renewed: 28_000 }, NOW + 9 * SECOND), 28_000);
  assert.equal(await renewed({ renewed: 28_000 }, NOW - 9 * SECOND), 28_000);
  assert.equal(await renewed({}, NOW + 99_999 * SECOND), 28_800);
});

test('what does not fit a cookie is refused, also if only a later one would be too large', async () => {
  const narrow = sessions({ padding: 1, cookieName: 'session-of-15__' });
  const of = (/** @type {number} */ length) => narrow.create({ a: 'x'.repeat(length) }, NOW);
  // 3060 bytes, less 45 of the envelope, 28 of stamps at their widest, the marker, and `{"a":""}` with its length.
  const longest = 3060 - 45 - 28 - 1 - 10;
  await narrow.seal(of(longest), NOW);
  await assert.rejects(narrow.seal(of(longest + 1), NOW), refused('too_large'));
});

test('without a key that seals nothing is sealed', async () => {
  const keys = KeyRing.schedule([{ key, sealFrom: NOW + 1 }]);
  await assert.rejects(sessions({ keys }).seal(sessions().create({}, NOW), NOW), refused('no_sealing_key'));
  await assert.rejects(sessions({ keys }).formToken(sessions().create({}, NOW).id, NOW), refused('no_sealing_key'));
});

test('numbers are written as they are read', () => {
  const data = { a: 1, b: new Double(1), c: 1.5, d: 2n ** 64n - 1n, e: 2 ** 60, f: -0 };
  assert.equal(json(data), '{"a":1,"b":1.0,"c":1.5,"d":18446744073709551615,"e":1.152921504606847e+18,"f":-0.0}');
  const read = dynamic.read(text('{"a":1,"b":1.0}'));
  assert.equal(Number(read.a) + Number(read.b), 2);
  assert.equal(json(read), '{"a":1,"b":1.0}');
});

test('what JSON does not have is refused', () => {
  for (const value of [NaN, Infinity, undefined, () => 1, Symbol('a'), 2n ** 64n, '\ud83d', new Date(0), new Map()]) {
    assert.throws(() => dynamic.write(/** @type {any} */ ({ a: value })), refused('invalid'), String(value));
  }
  for (const data of [null, [], 'a']) assert.throws(() => dynamic.write(/** @type {any} */ (data)), refused('invalid'));
  let deep = /** @type {any} */ ([]);
  for (let depth = 1; depth < 127; depth += 1) deep = [deep];
  assert.throws(() => dynamic.write({ a: deep }), refused('invalid'));
  assert.ok(dynamic.write({ a: deep[0] }));
});

test('a setting that cannot work is refused', () => {
  for (const more of [{ app: '' }, { cookieName: '' }, { padding: 0 }, { padding: 257 }, { app: 'x'.repeat(65_536) }]) {
    assert.throws(() => sessions(more), TypeError);
  }
});

test('what an application throws while it reads refuses the session', async () => {
  const broken = { read: () => { throw new Error('mine'); }, write: () => bytes([1]) };
  const server = sessions({ data: broken });
  const value = await server.seal(server.create({}, NOW), NOW);
  await assert.rejects(server.open(value, NOW), { reason: 'invalid_payload', row: 12 });
});
