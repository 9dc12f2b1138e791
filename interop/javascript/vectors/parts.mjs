// @ts-check
/**
 * What the vectors are made of: fixed keys and times, and bytes put together by hand, so that they
 * can be wrong in one place. Nothing here is random: a nonce is a hash of its vector's name.
 */

import { createHash } from 'node:crypto';
import { Key, dynamic, ByteReader, ByteWriter, toBase64url } from '../sealed-session.mjs';

/** @typedef {import('../sealed-session.mjs').DataFormat<any>} Format */

export const NOW = Date.UTC(2026, 10, 21, 12);
export const SECOND = 1000;
export const APP = 'shop';
export const NAME = '__Host-session';

/** @param {number} first */
const countingFrom = (first) => Uint8Array.from({ length: 32 }, (_, at) => (first + at) & 0xff);

export const SECRETS = { a: countingFrom(0), b: countingFrom(0xa0), c: countingFrom(0x60) };
/** @type {Record<string, Key>} */
export const KEYS = {};
for (const [name, secret] of Object.entries(SECRETS)) KEYS[name] = await Key.fromBytes(secret);
/** @type {Record<string, string>} */
export const KEY_TEXTS = {};
for (const [name, key] of Object.entries(KEYS)) KEY_TEXTS[name] = await key.toText();

/** @param {...(string | Uint8Array | number[])} parts texts are UTF-8 */
export function bytes(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...(typeof part === 'string' ? Buffer.from(part) : part)]));
}

/** @param {Uint8Array | number[]} value */
export const hex = (value) => Buffer.from(value).toString('hex');
/** @param {string} text */
export const unhex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
/** @param {number} number */
export const u16 = (number) => [number >> 8, number & 0xff];
/** @param {string | Uint8Array} value */
export const sha256 = (value) => Uint8Array.from(createHash('sha256').update(value).digest());

/** @param {number} number */
export const varint = (number) => new ByteWriter().u32(number).done();

/** @param {number} millis */
export function id(millis, random = '7abc8def123456789abc') {
  return bytes(unhex(millis.toString(16).padStart(12, '0')), unhex(random));
}

/** The stamps of a session of `NOW`, changed here and there. */
export function stamps({
  id: own = id(NOW),
  renewed = varint(0),
  timeouts = /** @type {Uint8Array | number[]} */ ([0]),
  schema = varint(0),
  cut = varint(0),
} = {}) {
  return bytes(own, renewed, timeouts, schema, cut);
}

/** @param {number} idle @param {number} absolute */
export const own = (idle, absolute) => bytes([1], varint(idle), varint(absolute));

/** @param {Uint8Array} body */
export function pad(body, padding = 16) {
  const length = Math.ceil((body.length + 1) / padding) * padding;
  return bytes(body, [0x80], new Uint8Array(length - body.length - 1));
}

/** @param {string} app @param {string} name @param {Uint8Array} keyId */
export function associated(app, name, keyId) {
  const parts = [app, name].flatMap((text) => [u16(Buffer.byteLength(text)), text]);
  return bytes([1], keyId, ...parts);
}

/**
 * Seals any plaintext.
 *
 * @param {string} name of the vector
 * @param {Uint8Array<ArrayBuffer>} plaintext
 */
export async function envelope(name, plaintext, { key = KEYS.a, app = APP, cookie = NAME, aad = associated(app, cookie, key.idBytes) } = {}) {
  const nonce = sha256(`nonce of ${name}`).slice(0, 24);
  return bytes([1], key.idBytes, nonce, await key.encrypt(nonce, aad, plaintext));
}

/** @param {Parameters<typeof envelope>} args */
export const value = async (...args) => toBase64url(await envelope(...args));

/** @param {number} views @param {string} [user] */
export function visit(views, user) {
  return bytes(varint(views), user === undefined ? [0] : bytes([1], varint(Buffer.byteLength(user)), user));
}

/** @param {string | Uint8Array} json */
export const text = (json) => bytes(varint(Buffer.byteLength(json)), json);

/**
 * The types of data that vectors have: how this side reads them.
 *
 * @type {Record<string, Format>}
 */
export const TYPES = {
  // struct Visit { page_views: u32, user: Option<String> }
  visit: {
    read(data) {
      const reader = new ByteReader(data);
      const visit = { page_views: reader.u32(), user: reader.option(() => reader.text()) };
      reader.end();
      return visit;
    },
    write({ page_views, user }) {
      const writer = new ByteWriter().u32(page_views);
      return writer.option(user, (text) => writer.text(text)).done();
    },
  },
  // u32, which an upgrade makes a `Visit` of nobody
  page_views: {
    read(data) {
      const reader = new ByteReader(data);
      const page_views = reader.u32();
      reader.end();
      return { page_views, user: undefined };
    },
    write: ({ page_views }) => varint(page_views),
  },
  dynamic,
  // struct Nest(Option<Box<Nest>>), of two levels each
  nest: {
    read(data) {
      const reader = new ByteReader(data);
      /** @type {() => number} */
      const nest = () => reader.level(() => 1 + (reader.option(nest) ?? 0));
      const depth = nest();
      reader.end();
      return depth;
    },
    write(depth) {
      const writer = new ByteWriter();
      /** @type {(left: number) => ByteWriter} */
      const nest = (left) => writer.level(() => writer.option(left > 1 ? left - 1 : undefined, nest));
      return nest(depth).done();
    },
  },
  // Vec<()>
  units: {
    read(data) {
      const reader = new ByteReader(data);
      const units = reader.list(() => undefined);
      reader.end();
      return units.length;
    },
    write: (length) => new ByteWriter().list(Array(length).fill(undefined), () => {}).done(),
  },
};
