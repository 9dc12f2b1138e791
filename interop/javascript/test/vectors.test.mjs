// @ts-check
/** Every vector of `tests/vectors/v1`, and whether the files are what makes them says. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { EntryError, EntryFormat, Key, KeyError, KeyRing, Refused, Sessions, fromBase64url, toBase64url } from '../sealed-session.mjs';
import { FOLDER, files } from '../vectors/files.mjs';
import { TYPES, hex, unhex } from '../vectors/parts.mjs';
import { ring, sessions } from '../vectors/server.mjs';

/** @param {string} name */
const read = async (name) => JSON.parse(await readFile(FOLDER + name, 'utf8'));
const values = await read('values.json');
const keys = await read('keys.json');
const headers = await read('cookie-headers.json');
const tokens = await read('form-tokens.json');
const entries = await read('entries.json');
const ended = await read('ended.json');
const keyFiles = await read('key-files.json');
const migratedIds = await read('migrated-ids.json');
/** @param {any} vector */
const serverOf = (vector) => ({ ...values.server, ...vector.server });

/** @param {string | any[]} text */
const whole = (text) => [text].flat().map((part) => part.repeat ? (typeof part === 'string' ? part : part.repeat.repeat(part.times)) : part).join('');

test('the files are as they are made', async () => {
  const made = await files();
  assert.deepEqual((await readdir(FOLDER)).sort(), made.map(({ name }) => name));
  for (const { name, text } of made) assert.equal(await readFile(FOLDER + name, 'utf8'), text, name);
});

test('there are enough vectors, each with a name of its own', () => {
  assert.ok(values.good.length >= 20 && values.bad.length >= 60);
  for (const file of [values, keys, headers, tokens, entries, ended, keyFiles, migratedIds]) {
    const lists = Object.values(file).filter(Array.isArray);
    const names = lists.map((list) => list.map((/** @type {any} */ { name }) => name));
    for (const list of names) assert.equal(new Set(list).size, list.length);
  }
  const rows = new Set(values.bad.map((/** @type {any} */ { row }) => row));
  assert.deepEqual([...rows], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
});

for (const vector of values.good) {
  test(`good value ${vector.name}`, async () => {
    const server = serverOf(vector);
    const { data, ...session } = await (await sessions(values.keys, server)).open(vector.value, vector.now);
    const { data: rewritten, ...expected } = vector.session;
    assert.deepEqual({ ...session, timeouts: session.timeouts ?? null }, expected);
    assert.equal(hex(TYPES[server.type].write(data)), rewritten);
  });
}

for (const vector of values.bad) {
  test(`bad value ${vector.name}`, async () => {
    const opened = (await sessions(values.keys, serverOf(vector))).open(vector.value, vector.now);
    const { reason, row } = vector;
    await assert.rejects(opened, (error) => {
      assert.ok(error instanceof Refused);
      assert.deepEqual({ reason: error.reason, row: error.row }, { reason, row });
      return true;
    });
  });
}

test('keys in text form', async () => {
  for (const { name, text, key, id } of keys.good) {
    const read = await Key.parse(text);
    assert.equal(read.id, id, name);
    assert.equal(await read.toText(), text, name);
    assert.equal((await Key.fromBytes(unhex(key))).id, id, name);
  }
  for (const { name, text, error } of keys.bad) {
    await assert.rejects(Key.parse(text), (thrown) => thrown instanceof KeyError && thrown.code === error, name);
  }
});

test('rings of keys in text form', async () => {
  for (const { name, text, seals, opens } of keys.rings) {
    const ring = await KeyRing.parse(text);
    assert.equal(ring.sealingKey(0)?.id, seals, name);
    for (const id of opens) assert.ok(ring.find(id, 0) instanceof Key, name);
  }
  for (const { name, text, error } of keys.bad_rings) {
    await assert.rejects(KeyRing.parse(text), (thrown) => thrown instanceof KeyError && thrown.code === error, name);
  }
});

test('rings with dates', async () => {
  const nameOf = (/** @type {string | undefined} */ id) => keys.good.find((/** @type {any} */ key) => key.id === id)?.name ?? null;
  for (const { name, keys: schedule, at } of keys.schedules) {
    const read = await ring(keys.keys, { schedule });
    for (const { now, seals, states } of at) {
      assert.equal(nameOf(read.sealingKey(now)?.id), seals, name);
      assert.deepEqual(read.states(now).map(({ id, state }) => [nameOf(id), state]), Object.entries(states), name);
    }
  }
  for (const { name, keys: schedule, because } of keys.bad_schedules) {
    await assert.rejects(ring(keys.keys, { schedule }), (thrown) => {
      assert.ok(thrown instanceof KeyError && thrown.code === 'schedule', name);
      const said = thrown.message.replace('the schedule of keys is wrong: ', '');
      const inWordsOfTheFormat = said.replace('`sealFrom`', 'seal_from').replace('`openUntil`', 'open_until');
      assert.ok(because.startsWith(inWordsOfTheFormat), `${name}: ${said}`);
      return true;
    });
  }
});

// This side reads no TOML; what a file says is a ring all the same.
test('key files say rings with dates', async () => {
  const sealing = async (/** @type {any[]} */ schedule) => {
    const dated = schedule.map(({ open_until, ...key }) => ({ ...key, ...(open_until !== null && { open_until }) }));
    return (await ring(keyFiles.keys, { schedule: dated })).sealingKey(Number.MAX_SAFE_INTEGER)?.id;
  };
  for (const { name, says, written } of keyFiles.good) {
    const newest = says.keys.findLast((/** @type {any} */ { revoked }) => !revoked);
    const { id } = await Key.parse(keyFiles.keys[newest.key]);
    assert.equal(await sealing(says.keys), id, name);
    assert.ok(written.includes(`[[key]] # ${id}\n`), name);
  }
});

for (const vector of headers.requests) {
  test(`cookie header ${vector.name}`, async () => {
    const server = await sessions(headers.keys, values.server);
    const { session, refused } = await server.load(vector.headers.map(whole), headers.now);
    assert.equal(refused, vector.refused);
    assert.deepEqual(session && { id: session.id, page_views: session.data.page_views }, vector.session ?? undefined);
  });
}

test('form tokens', async () => {
  const bounds = async (/** @type {Sessions<any>} */ server, /** @type {any} */ { id, values }) => {
    if (id) return [id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')];
    return [await server.cookiesBound(values.map((/** @type {string} */ value) => `${tokens.cookie_name}=${value}`))];
  };
  const server = async (/** @type {any} */ { server_keys = tokens.server_keys }, more = {}) =>
    new Sessions({ app: tokens.app, cookieName: tokens.cookie_name, keys: await ring(tokens.keys, server_keys), data: TYPES.visit, ...more });
  for (const [vectors, expected] of [[tokens.good, true], [tokens.bad, false]]) {
    for (const vector of vectors) {
      const verifier = await server(vector);
      const verdict = await verifier.verifyFormToken(vector.token, await bounds(verifier, vector.bound), tokens.now);
      assert.equal(verdict, expected, vector.name);
    }
  }
  const maker = await server({}, { random: () => unhex(tokens.made.mask) });
  const [bound] = await bounds(maker, tokens.made.bound);
  assert.equal(await maker.formToken(bound, tokens.now), tokens.made.token);
});

test('bad ones for which there is no error say why all the same', () => {
  for (const vectors of [keys.bad_schedules, tokens.bad, migratedIds.bad]) {
    for (const { name, because } of vectors) assert.match(because, /^[a-z].{15,}[^.]$/, name);
  }
});

// This side keeps no list of ended sessions: what it says is what `otherwise` says.
test('values beside entries of ended sessions', async () => {
  const format = new EntryFormat(ended.namespace);
  const all = [...ended.good, ...ended.bad];
  assert.deepEqual([...new Set(ended.bad.map((/** @type {any} */ { row }) => row))], [10, 13, 12]);
  for (const { name, server, ended: known, value, otherwise = null } of all) {
    for (const entry of known) await format.read(unhex(entry));
    const opened = (await sessions(ended.keys, { ...values.server, ...server })).open(value, ended.now);
    const told = await opened.then(() => null, ({ reason, row }) => ({ reason, row }));
    assert.deepEqual(told, otherwise, name);
  }
});

test('entries of ended sessions', async () => {
  const format = new EntryFormat(entries.namespace);
  for (const { name, entry, line, says } of entries.good) {
    const read = await format.read(unhex(entry));
    assert.deepEqual(read, says.kind === 'id' ? { subject: undefined, ...says } : says, name);
    const written = await format.write(read);
    assert.equal(hex(written), entry, name);
    assert.equal(toBase64url(written), line, name);
    assert.equal(hex(fromBase64url(line) ?? []), entry, name);
  }
  for (const { name, entry, error } of entries.bad) {
    await assert.rejects(format.read(unhex(entry)), (thrown) => thrown instanceof EntryError && thrown.code === error, name);
  }
  for (const { name, namespace, user, subject } of entries.subjects) {
    assert.equal(await new EntryFormat(namespace).subject(whole(user)), subject, name);
  }
});
