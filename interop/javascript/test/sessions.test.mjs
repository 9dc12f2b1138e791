// @ts-check
/** What the vectors do not say: what a writer makes, and what it refuses. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ByteReader, ByteWriter, Double, Invalid, Key, KeyRing, MAX_DEPTH, MAX_ELEMENTS, Sessions, WriteError, createdAt, dynamic,
} from '../sealed-session.mjs';
import { NOW, SECOND, TYPES, bytes, hex, text, varint } from '../vectors/parts.mjs';

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

test('a session of as many elements or levels as may be comes back, and of more is not sealed', async () => {
  /** @type {[string, any][]} */
  const types = [['units', MAX_ELEMENTS], ['nest', MAX_DEPTH / 2]];
  for (const [type, most] of types) {
    const server = sessions({ data: TYPES[type] });
    const value = await server.seal(server.create(most, NOW), NOW);
    assert.equal((await server.open(value, NOW)).data, most);
    await assert.rejects(server.seal(server.create(most + 1, NOW), NOW), refused('invalid'));
    // Somebody who writes its bytes by hand can seal it, but nobody opens it.
    const data = type === 'units' ? varint(most + 1) : bytes(Array(most).fill(1), [0]);
    const byHand = sessions({ data: { ...TYPES[type], write: () => data } });
    await assert.rejects(server.open(await byHand.seal(byHand.create({}, NOW), NOW), NOW), { reason: 'invalid_payload', row: 12 });
  }
});

test('elements are counted over all lists of a value', () => {
  const lists = (/** @type {number[]} */ lengths) => bytes(...lengths.map((length) => bytes(varint(length), Array(length).fill(7))));
  const write = (/** @type {number[]} */ lengths) => {
    const writer = new ByteWriter();
    for (const length of lengths) writer.list(Array(length).fill(7), (item) => writer.u32(item));
    return writer.done();
  };
  const read = (/** @type {number[]} */ lengths) => {
    const reader = new ByteReader(lists(lengths));
    const read = lengths.map(() => reader.list(() => reader.u32()));
    reader.end();
    return read.map(({ length }) => length);
  };
  for (const lengths of [[2, 0, 1], [MAX_ELEMENTS], [MAX_ELEMENTS, 0], [1, MAX_ELEMENTS - 1]]) {
    assert.equal(hex(write(lengths)), hex(lists(lengths)));
    assert.deepEqual(read(lengths), lengths);
  }
  for (const lengths of [[MAX_ELEMENTS + 1], [MAX_ELEMENTS, 1], [1, MAX_ELEMENTS]]) {
    assert.throws(() => write(lengths), refused('invalid'));
    assert.throws(() => read(lengths), Invalid);
  }
  // A length that nobody could read to its end.
  assert.throws(() => new ByteReader(bytes(Array(8).fill(0xff), [0x7f])).list(() => undefined), Invalid);
});

/** Each kind of level alone: what it writes, and how it goes on. */
const LEVELS = {
  option: {
    bytes: [1],
    write: (/** @type {ByteWriter} */ writer, /** @type {() => unknown} */ inside) => writer.option(7, inside),
    read: (/** @type {ByteReader} */ reader, /** @type {() => unknown} */ inside) => reader.option(inside),
  },
  list: {
    bytes: [1],
    write: (/** @type {ByteWriter} */ writer, /** @type {() => unknown} */ inside) => writer.list([7], inside),
    read: (/** @type {ByteReader} */ reader, /** @type {() => unknown} */ inside) => reader.list(inside),
  },
  level: {
    bytes: [],
    write: (/** @type {ByteWriter} */ writer, /** @type {() => unknown} */ inside) => writer.level(inside),
    read: (/** @type {ByteReader} */ reader, /** @type {() => unknown} */ inside) => reader.level(inside),
  },
};

for (const [name, kind] of Object.entries(LEVELS)) {
  test(`each ${name} is one level`, () => {
    const write = (/** @type {number} */ depth) => {
      const writer = new ByteWriter();
      const inside = (/** @type {number} */ left) => { if (left > 0) kind.write(writer, () => inside(left - 1)); };
      inside(depth);
      return writer.done();
    };
    const read = (/** @type {number} */ depth) => {
      const reader = new ByteReader(bytes(Array(depth).fill(kind.bytes).flat()));
      const inside = (/** @type {number} */ left) => { if (left > 0) kind.read(reader, () => inside(left - 1)); };
      inside(depth);
      reader.end();
    };
    assert.equal(hex(write(MAX_DEPTH)), hex(kind.bytes).repeat(MAX_DEPTH));
    read(MAX_DEPTH);
    assert.throws(() => write(MAX_DEPTH + 1), refused('invalid'));
    assert.throws(() => read(MAX_DEPTH + 1), Invalid);
  });
}

test('levels beside each other do not add up', () => {
  const writer = new ByteWriter();
  for (let count = 0; count <= MAX_DEPTH; count += 1) writer.option(undefined, () => {}).list([], () => {}).level(() => {});
  const reader = new ByteReader(writer.done());
  for (let count = 0; count <= MAX_DEPTH; count += 1) {
    assert.deepEqual([reader.option(() => 1), reader.list(() => 1), reader.level(() => 1)], [undefined, [], 1]);
  }
  reader.end();
});

test('an empty option and an empty list are levels, too', () => {
  /** @type {<V extends ByteReader | ByteWriter>(one: V, depth: number, last: (one: V) => unknown) => unknown} */
  const under = (one, depth, last) => (depth === 0 ? last(one) : one.level(() => under(one, depth - 1, last)));
  for (const [write, read] of /** @type {[(writer: ByteWriter) => unknown, (reader: ByteReader) => unknown][]} */ ([
    [(writer) => writer.option(undefined, () => {}), (reader) => reader.option(() => 1)],
    [(writer) => writer.list([], () => {}), (reader) => reader.list(() => 1)],
  ])) {
    under(new ByteWriter(), MAX_DEPTH - 1, write);
    under(new ByteReader(bytes([0])), MAX_DEPTH - 1, read);
    assert.throws(() => under(new ByteWriter(), MAX_DEPTH, write), refused('invalid'));
    assert.throws(() => under(new ByteReader(bytes([0])), MAX_DEPTH, read), Invalid);
  }
});

test('white space of ASCII around keys is ignored, and no other', async () => {
  const text = await key.toText();
  const other = await (await Key.generate()).toText();
  const ring = await KeyRing.parse(` \t\n\f\r${text} \t\n\f\r,${other}\r\n`);
  assert.equal(ring.sealingKey(0)?.id, key.id);
  for (const space of ['\u000b', '\u0085', '\u00a0', '\u2028', '\u3000', '\ufeff']) {
    await assert.rejects(KeyRing.parse(space + text), { code: 'prefix' }, JSON.stringify(space));
    await assert.rejects(KeyRing.parse(text + space), { code: 'text_length' }, JSON.stringify(space));
  }
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
