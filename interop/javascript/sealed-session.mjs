// @ts-check
/**
 * Reads and writes the cookies, form tokens and entries of `sealed-session`, wire version 1, on
 * WebCrypto alone: one file without dependencies for Node, Deno, Bun and Workers.
 *
 * It was written from `docs/format.md`, and shares no code with the Rust crate. Times are
 * milliseconds since 1970-01-01T00:00Z, lengths of time are seconds, ids are UUIDs as text. Nothing
 * here reads a clock unless the argument `now` is left out.
 *
 * @module
 */

const { subtle } = globalThis.crypto;
const utf8 = new TextEncoder();

/** What name, `=` and value of a cookie have together at most, in bytes (RFC 6265bis §5.6). */
export const MAX_COOKIE_LENGTH = 4096;
/** Bytes of `Cookie` headers past this are not read. */
export const MAX_HEADER_LENGTH = 65_536;
/** So many cookies of our name whose key opens are decrypted in one request. */
export const MAX_OPENED = 16;
/** How far another server's clock may be ahead of ours, in seconds. */
export const CLOCK_SKEW = 60;
/** So many elements of lists and maps a session's data has at most, counted over the whole value. */
export const MAX_ELEMENTS = 4096;
/** So deep is a session's data nested at most. */
export const MAX_DEPTH = 128;
/** So deep are arrays and objects of dynamic data nested, the outermost object included. */
export const MAX_DYNAMIC_DEPTH = 127;

const VERSION = 1;
const KEY_LENGTH = 32;
const HEAD_LENGTH = 1 + 4 + 24;
const TAG_LENGTH = 16;
const MAX_TIME = 2 ** 48 - 1;
const MAX_U32 = 2 ** 32 - 1;
const MAX_VARINT_LENGTH = 5;
const TOKEN_LENGTH = 92;

// Errors.

/**
 * Why a value is not accepted as a session, in the words of the table "Opening, in this order".
 *
 * @typedef {'too_long' | 'malformed' | 'unknown_version' | 'unknown_key' | 'retired_key' | 'too_many'
 *   | 'forged' | 'invalid_payload' | 'not_yet_valid' | 'absolute_timeout' | 'idle_timeout' | 'revoked'
 *   | 'newer_schema' | 'old_schema' | 'ambiguous'} Reason
 */

/** A value that was refused. Let a visitor see no difference between the reasons. */
export class Refused extends Error {
  /**
   * @param {Reason} reason
   * @param {number} row the row of the table
   * @param {ErrorOptions} [options]
   */
  constructor(reason, row, options) {
    super(`the session cookie is refused: ${reason}`, options);
    this.name = 'Refused';
    /** @readonly */
    this.reason = reason;
    /** @readonly */
    this.row = row;
  }
}

/**
 * @typedef {'length' | 'all_equal' | 'text' | 'prefix' | 'text_length' | 'alphabet' | 'checksum'
 *   | 'duplicate_id' | 'schedule'} KeyFault
 */

/** A key or a ring that cannot be used. The message repeats nothing of a secret. */
export class KeyError extends Error {
  /**
   * @param {KeyFault} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'KeyError';
    /** @readonly */
    this.code = code;
  }
}

/** A session, a token or an entry that cannot be written. */
export class WriteError extends Error {
  /**
   * @param {'too_large' | 'no_sealing_key' | 'invalid'} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'WriteError';
    /** @readonly */
    this.code = code;
  }
}

/** Bytes that are no entry of ended sessions. */
export class EntryError extends Error {
  /**
   * @param {'not_an_entry' | 'unknown_version' | 'number_too_large'} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'EntryError';
    /** @readonly */
    this.code = code;
  }
}

// Bytes and texts.

/**
 * @param {...(Uint8Array | number[])} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
function concat(...parts) {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** @param {Uint8Array} bytes */
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @param {number} number */
const u16be = (number) => [number >> 8, number & 0xff];

/** @param {number} number */
const u32be = (number) => [number >>> 24, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff];

/** @param {number} number */
const u48be = (number) => [...u16be(Math.floor(number / 2 ** 32)), ...u32be(number % 2 ** 32)];

/** @param {Uint8Array} bytes */
const fromBe = (bytes) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

/**
 * A text with its length in front. A length of over 65,535 counts as 65,535.
 *
 * @param {string} text
 */
function prefixed(text) {
  const bytes = utf8.encode(text);
  return concat(u16be(Math.min(bytes.length, 0xffff)), bytes);
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
const sha256 = async (bytes) => new Uint8Array(await subtle.digest('SHA-256', bytes));

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const PLACES = new Map(Array.from(ALPHABET, (character, place) => [character.charCodeAt(0), place]));

/**
 * Writes bytes as base64url without padding.
 *
 * @param {Uint8Array} bytes
 */
export function toBase64url(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = Math.min(bytes.length - at, 3);
    const bits = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let place = 0; place <= left; place += 1) text += ALPHABET[(bits >> (18 - 6 * place)) & 63];
  }
  return text;
}

/**
 * Reads base64url without padding. Only the canonical spelling is one.
 *
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer> | undefined}
 */
export function fromBase64url(text) {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let [bits, held, at] = [0, 0, 0];
  for (let index = 0; index < text.length; index += 1) {
    const place = PLACES.get(text.charCodeAt(index));
    if (place === undefined) return undefined;
    bits = ((bits << 6) | place) & 0xfff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at] = (bits >> held) & 0xff;
      at += 1;
    }
  }
  return bits & ((1 << held) - 1) ? undefined : bytes;
}

/**
 * Fresh bytes of the platform's generator.
 *
 * @param {number} length
 * @returns {Uint8Array<ArrayBuffer>}
 */
const systemRandom = (length) => globalThis.crypto.getRandomValues(new Uint8Array(length));

/** @param {number} now */
function time(now) {
  if (Number.isNaN(now)) throw new TypeError('a time is a number of milliseconds, not NaN');
  return Math.min(Math.max(Math.floor(now), 0), MAX_TIME);
}

// Ids.

/** @param {Uint8Array} bytes 16 of them */
function toUuid(bytes) {
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @param {string} text */
function fromUuid(text) {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw new TypeError('this is no UUID');
  return Uint8Array.from(text.replaceAll('-', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @param {Uint8Array} id */
const isUuidV7 = (id) => id[6] >> 4 === 7 && id[8] >> 6 === 2;

/**
 * Makes the id of a session created at `now`.
 *
 * @param {number} now
 * @param {(length: number) => Uint8Array} [random]
 * @returns {string} a UUIDv7 (RFC 9562 §5.7)
 */
export function newId(now, random = systemRandom) {
  const id = concat(u48be(time(now)), random(10));
  id[6] = (id[6] & 0x0f) | 0x70;
  id[8] = (id[8] & 0x3f) | 0x80;
  return toUuid(id);
}

// Keys.

const KEY_PREFIX = 'ssk1_';

/**
 * @param {CryptoKey} secret
 * @param {string} info
 * @param {number} length in bytes
 */
async function derive(secret, info, length) {
  const how = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: utf8.encode(info) };
  return new Uint8Array(await subtle.deriveBits(how, secret, length * 8));
}

/**
 * AES-256 of one block. WebCrypto has no such call, but the first block of a CTR stream is just that.
 *
 * @param {CryptoKey} key
 * @param {Uint8Array<ArrayBuffer>} block
 */
async function aesBlock(key, block) {
  const how = { name: 'AES-CTR', counter: block, length: 64 };
  return new Uint8Array(await subtle.encrypt(how, key, new Uint8Array(16)));
}

/** 32 secret bytes from which everything that seals and opens is derived. */
export class Key {
  /** @type {Uint8Array<ArrayBuffer>} */
  #bytes;
  /** @type {CryptoKey} */
  #aes;
  /** @type {Uint8Array<ArrayBuffer>} */
  #k1;
  /** @type {CryptoKey} */
  #csrf;

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {Uint8Array<ArrayBuffer>} idBytes
   * @param {CryptoKey} aes
   * @param {Uint8Array<ArrayBuffer>} k1
   * @param {CryptoKey} csrf
   * @private
   */
  constructor(bytes, idBytes, aes, k1, csrf) {
    this.#bytes = bytes;
    this.#aes = aes;
    this.#k1 = k1;
    this.#csrf = csrf;
    /** The four public bytes that stand in front of everything this key seals. @readonly */
    this.idBytes = idBytes;
    /** The same in hex. @readonly */
    this.id = toHex(idBytes);
  }

  /**
   * Takes exactly 32 bytes, which must be uniformly random.
   *
   * @param {Uint8Array} bytes
   * @returns {Promise<Key>}
   * @throws {KeyError} for another length, and for what looks like a placeholder or a password
   */
  static async fromBytes(bytes) {
    if (bytes.length !== KEY_LENGTH) {
      throw new KeyError('length', `a key has 32 bytes, this one has ${bytes.length}`);
    }
    if (bytes.every((byte) => byte === bytes[0])) {
      throw new KeyError('all_equal', 'all bytes of the key are equal: that is a placeholder');
    }
    if (bytes.every((byte) => byte >= 0x20 && byte <= 0x7e)) {
      throw new KeyError('text', "the key's bytes are readable text, not random bytes");
    }
    const own = Uint8Array.from(bytes);
    const secret = await subtle.importKey('raw', own, 'HKDF', false, ['deriveBits']);
    const [id, encryption, csrf] = await Promise.all([
      derive(secret, 'sealed-session v1 key id', 4),
      derive(secret, 'sealed-session v1 encryption', 32),
      derive(secret, 'sealed-session v1 csrf', 32),
    ]);
    const aes = await subtle.importKey('raw', encryption, 'AES-CTR', false, ['encrypt']);
    const hmac = await subtle.importKey('raw', csrf, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
      'verify',
    ]);
    // K1 of XAES: L << 1, and 0x87 into the last byte if a bit fell out.
    const l = await aesBlock(aes, new Uint8Array(16));
    const k1 = l.map((byte, at) => ((byte << 1) | ((l[at + 1] ?? 0) >> 7)) & 0xff);
    if (l[0] & 0x80) k1[15] ^= 0x87;
    return new Key(own, id, aes, k1, hmac);
  }

  /**
   * Reads the text form, `ssk1_…`.
   *
   * @param {string} text
   * @returns {Promise<Key>}
   * @throws {KeyError}
   */
  static async parse(text) {
    if (!text.startsWith(KEY_PREFIX)) {
      throw new KeyError('prefix', 'a key in text form begins with `ssk1_`');
    }
    if (utf8.encode(text).length !== 53) {
      throw new KeyError('text_length', 'a key in text form has 53 characters: was it cut short?');
    }
    const bytes = fromBase64url(text.slice(KEY_PREFIX.length));
    if (!bytes) {
      throw new KeyError('alphabet', 'the key has a character that is not of the base64url alphabet');
    }
    const [secret, said] = [bytes.slice(0, KEY_LENGTH), bytes.slice(KEY_LENGTH)];
    const sum = await keyChecksum(secret);
    if (sum.some((byte, at) => byte !== said[at])) {
      throw new KeyError('checksum', "the key's checksum does not match: a character was changed");
    }
    return Key.fromBytes(secret);
  }

  /** Makes a key from the platform's generator. */
  static generate() {
    return Key.fromBytes(systemRandom(KEY_LENGTH));
  }

  /** Returns the secret in text form. */
  async toText() {
    return KEY_PREFIX + toBase64url(concat(this.#bytes, await keyChecksum(this.#bytes)));
  }

  /**
   * Returns the key of AES-256-GCM for messages whose nonce begins with these 12 bytes (XAES).
   *
   * @param {Uint8Array} nonce
   * @param {KeyUsage} usage
   */
  async #messageKey(nonce, usage) {
    const block = (/** @type {number} */ counter) => {
      const message = concat([0, counter, 0x58, 0], nonce.subarray(0, 12));
      return aesBlock(this.#aes, message.map((byte, at) => byte ^ this.#k1[at]));
    };
    const halves = await Promise.all([block(1), block(2)]);
    return subtle.importKey('raw', concat(...halves), 'AES-GCM', false, [usage]);
  }

  /**
   * XAES-256-GCM.
   *
   * @param {Uint8Array<ArrayBuffer>} nonce 24 bytes
   * @param {Uint8Array<ArrayBuffer>} associated
   * @param {Uint8Array<ArrayBuffer>} plaintext
   * @returns {Promise<Uint8Array<ArrayBuffer>>} ciphertext and tag
   */
  async encrypt(nonce, associated, plaintext) {
    const key = await this.#messageKey(nonce, 'encrypt');
    const how = { name: 'AES-GCM', iv: nonce.slice(12), additionalData: associated, tagLength: 128 };
    return new Uint8Array(await subtle.encrypt(how, key, plaintext));
  }

  /**
   * The reverse of `encrypt`.
   *
   * @param {Uint8Array<ArrayBuffer>} nonce
   * @param {Uint8Array<ArrayBuffer>} associated
   * @param {Uint8Array<ArrayBuffer>} sealed ciphertext and tag
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} nothing if the tag is wrong
   */
  async decrypt(nonce, associated, sealed) {
    const key = await this.#messageKey(nonce, 'decrypt');
    const how = { name: 'AES-GCM', iv: nonce.slice(12), additionalData: associated, tagLength: 128 };
    try {
      return new Uint8Array(await subtle.decrypt(how, key, sealed));
    } catch (error) {
      if (error instanceof Error && error.name === 'OperationError') return undefined;
      throw error;
    }
  }

  /**
   * Returns the MAC of a form token.
   *
   * @param {Uint8Array<ArrayBuffer>} message
   */
  async csrfMac(message) {
    return new Uint8Array(await subtle.sign('HMAC', this.#csrf, message));
  }

  /**
   * Tells in constant time whether `mac` is the MAC of a form token.
   *
   * @param {Uint8Array<ArrayBuffer>} mac
   * @param {Uint8Array<ArrayBuffer>} message
   */
  csrfVerify(mac, message) {
    return subtle.verify('HMAC', this.#csrf, mac, message);
  }
}

/** @param {Uint8Array} secret */
async function keyChecksum(secret) {
  return (await sha256(concat(utf8.encode(KEY_PREFIX), secret))).slice(0, 4);
}

/**
 * Without the white space of ASCII around it. `trim` also takes what Rust does not, a byte order mark
 * for example.
 *
 * @param {string} text
 */
const trimmed = (text) => text.replace(/^[\t\n\f\r ]+/, '').replace(/[\t\n\f\r ]+$/, '');

/**
 * A key and its dates: from when it may seal, until when it opens.
 *
 * @typedef {{ key: Key, sealFrom: number, openUntil?: number, revoked?: boolean }} DatedKey
 */

/** @typedef {'published' | 'active' | 'draining' | 'retired' | 'revoked'} KeyState */

/** The keys of an application: one seals, many open. */
export class KeyRing {
  /** @type {DatedKey[]} newest first */
  #keys;

  /**
   * @param {DatedKey[]} keys
   * @private
   */
  constructor(keys) {
    const ids = new Set(keys.map(({ key }) => key.id));
    if (ids.size !== keys.length) {
      throw new KeyError('duplicate_id', 'two keys of the ring have one id: is one listed twice?');
    }
    this.#keys = keys.toSorted((a, b) => (a.sealFrom < b.sealFrom ? 1 : a.sealFrom > b.sealFrom ? -1 : 0));
  }

  /**
   * A ring without dates.
   *
   * @param {Key} sealing the key that seals, and opens
   * @param {...Key} opening keys that open and never seal
   */
  static of(sealing, ...opening) {
    const others = opening.map((key) => ({ key, sealFrom: Infinity }));
    return new KeyRing([{ key: sealing, sealFrom: -Infinity }, ...others]);
  }

  /**
   * Reads keys in text form, separated by commas, the white space of ASCII around each ignored: the
   * first seals, all open.
   *
   * @param {string} text
   * @throws {KeyError}
   */
  static async parse(text) {
    const keys = await Promise.all(text.split(',').map((part) => Key.parse(trimmed(part))));
    return KeyRing.of(keys[0], ...keys.slice(1));
  }

  /**
   * A ring whose keys change their state with time.
   *
   * @param {DatedKey[]} keys
   * @throws {KeyError} if the dates leave a gap, or two keys one date
   */
  static schedule(keys) {
    const refuse = (/** @type {string} */ what) => {
      throw new KeyError('schedule', `the schedule of keys is wrong: ${what}`);
    };
    if (keys.some(({ sealFrom }) => !Number.isFinite(sealFrom))) refuse('a `sealFrom` is no time');
    const sorted = keys.toSorted((a, b) => a.sealFrom - b.sealFrom);
    if (sorted.some(({ sealFrom }, at) => at > 0 && sealFrom === sorted[at - 1].sealFrom)) {
      refuse('two keys have the same `sealFrom`');
    }
    const valid = sorted.filter(({ revoked }) => !revoked);
    if (valid.length === 0) refuse('no key can seal');
    valid.forEach(({ openUntil }, at) => {
      const next = valid[at + 1];
      if (!next && openUntil !== undefined) refuse('the newest key has an `openUntil`');
      if (next && openUntil === undefined) refuse('a key that is not the newest needs an `openUntil`');
      if (next && Number(openUntil) < next.sealFrom) refuse('a key ends before the next one seals');
    });
    return new KeyRing(keys);
  }

  /**
   * The key that seals now: of those that open and whose `sealFrom` has come, the newest.
   *
   * @param {number} [now]
   * @returns {Key | undefined}
   */
  sealingKey(now = Date.now()) {
    return this.#keys.find((dated) => dated.sealFrom <= time(now) && opens(dated, time(now)))?.key;
  }

  /**
   * The key of this id if it opens now, also before its `sealFrom`.
   *
   * @param {string} id in hex
   * @param {number} [now]
   * @returns {Key | 'retired' | 'unknown'}
   */
  find(id, now = Date.now()) {
    const dated = this.#keys.find(({ key }) => key.id === id);
    if (!dated) return 'unknown';
    return opens(dated, time(now)) ? dated.key : 'retired';
  }

  /**
   * The state of every key, the newest `sealFrom` first.
   *
   * @param {number} [now]
   * @returns {{ id: string, state: KeyState }[]}
   */
  states(now = Date.now()) {
    const active = this.sealingKey(now);
    return this.#keys.map((dated) => {
      const { key, sealFrom, revoked } = dated;
      /** @type {KeyState} */
      let state = 'draining';
      if (revoked) state = 'revoked';
      else if (!opens(dated, time(now))) state = 'retired';
      else if (sealFrom !== Infinity && sealFrom > time(now)) state = 'published';
      else if (key === active) state = 'active';
      return { id: key.id, state };
    });
  }
}

/**
 * @param {DatedKey} dated
 * @param {number} now
 */
const opens = ({ openUntil, revoked }, now) => !revoked && (openUntil === undefined || now < time(openUntil));

// Postcard, as far as sessions need it.

/** Bytes that end before they should, or say what they must not. */
export class Invalid extends Error {}

/**
 * Counts the elements and levels of one value, the same for both ways: nothing may be sealed that
 * another server refuses.
 */
class Limits {
  #elements = 0;
  #depth = 0;
  #refusal;

  /** @param {(what: string) => Error} refusal */
  constructor(refusal) {
    this.#refusal = refusal;
  }

  /** @param {number} count */
  elements(count) {
    this.#elements += count;
    if (this.#elements > MAX_ELEMENTS) throw this.#refusal(`the data has over ${MAX_ELEMENTS} elements`);
  }

  /**
   * @template V
   * @param {() => V} inside
   * @returns {V}
   */
  level(inside) {
    if (this.#depth === MAX_DEPTH) throw this.#refusal(`the data is nested over ${MAX_DEPTH} deep`);
    this.#depth += 1;
    const value = inside();
    this.#depth -= 1;
    return value;
  }
}

/**
 * Reads postcard, from the first byte to the last. `list` counts elements; `list`, `option` and `level`
 * count how deep the value is nested. What is over `MAX_ELEMENTS` or `MAX_DEPTH` is refused.
 */
export class ByteReader {
  #bytes;
  #at = 0;
  #limits = new Limits((what) => new Invalid(what));

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** @param {number} length */
  bytes(length) {
    if (length > this.#bytes.length - this.#at) throw new Invalid('the bytes end too early');
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  u8() {
    return this.bytes(1)[0];
  }

  /** A `bool`. */
  bool() {
    return this.#tag();
  }

  /** A `u32`. Overlong spellings are read, of up to five bytes. */
  u32() {
    return this.#varint(MAX_VARINT_LENGTH, MAX_U32);
  }

  /**
   * A length: of a text or of bytes. Overlong spellings are read, of up to ten bytes. More than the
   * bytes that are left is told by `bytes`. What has elements is read with `list`.
   */
  length() {
    return this.#varint(10, 2 ** 64 - 1);
  }

  /** @param {number} longest @param {number} greatest */
  #varint(longest, greatest) {
    let [number, unit] = [0, 1];
    for (let place = 0; place < longest; place += 1) {
      const byte = this.u8();
      number += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 0x80) {
        // A number of 64 bits is rounded; only one that has more is past 2^64.
        if (longest === 10 ? place === 9 && byte > 1 : number > greatest) throw new Invalid('too large a number');
        return number;
      }
    }
    throw new Invalid('a number does not end');
  }

  /** A text of UTF-8. */
  text() {
    const bytes = this.bytes(this.length());
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new Invalid('a text is not UTF-8');
    }
  }

  /**
   * An `Option`, which is one level.
   *
   * @template V
   * @param {() => V} read
   * @returns {V | undefined}
   */
  option(read) {
    return this.#limits.level(() => (this.#tag() ? read() : undefined));
  }

  /**
   * A `Vec`, or a map as the list of its entries: one level. `read` reads an element; that of a map
   * reads the key and then the value, which is no level.
   *
   * @template V
   * @param {() => V} read
   * @returns {V[]}
   */
  list(read) {
    return this.#limits.level(() => {
      const length = this.length();
      // Before they are read: elements of no bytes would never end.
      this.#limits.elements(length);
      return Array.from({ length }, () => read());
    });
  }

  /**
   * A struct, a tuple, a newtype, or an enum together with the fields of its variant: one level around
   * what `read` reads, and no bytes. Needed in a type that contains itself, and around one.
   *
   * @template V
   * @param {() => V} read
   * @returns {V}
   */
  level(read) {
    return this.#limits.level(read);
  }

  #tag() {
    const tag = this.u8();
    if (tag > 1) throw new Invalid('a bool or the tag of an option is 0 or 1');
    return tag === 1;
  }

  /** All bytes that are left. */
  rest() {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** Refuses bytes that are left. */
  end() {
    if (this.#at !== this.#bytes.length) throw new Invalid('bytes are left over');
  }
}

/** Writes postcard, and refuses what `ByteReader` refuses, counted in the same way. */
export class ByteWriter {
  /** @type {number[]} */
  #bytes = [];
  #limits = new Limits((what) => new WriteError('invalid', what));

  /** @param {Uint8Array | number[]} bytes */
  bytes(bytes) {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** @param {boolean} value */
  bool(value) {
    return this.bytes([value ? 1 : 0]);
  }

  /** @param {number} number an unsigned one of 32 bits */
  u32(number) {
    let left = u32(number);
    for (; left >= 0x80; left = Math.floor(left / 128)) this.#bytes.push((left % 128) | 0x80);
    return this.bytes([left]);
  }

  /** @param {string} text */
  text(text) {
    if (/\p{Surrogate}/u.test(text)) throw new WriteError('invalid', 'a text has half a surrogate pair');
    const bytes = utf8.encode(text);
    return this.u32(bytes.length).bytes(bytes);
  }

  /**
   * An `Option`, which is one level.
   *
   * @template V
   * @param {V | undefined | null} value
   * @param {(value: V) => unknown} write
   */
  option(value, write) {
    return this.level(() => {
      this.bool(value !== undefined && value !== null);
      if (value !== undefined && value !== null) write(value);
    });
  }

  /**
   * A `Vec`, or a map as the list of its entries: one level. `write` writes an element; that of a map
   * writes the key and then the value.
   *
   * @template V
   * @param {readonly V[]} items
   * @param {(item: V) => unknown} write
   */
  list(items, write) {
    return this.level(() => {
      this.#limits.elements(items.length);
      this.u32(items.length);
      for (const item of items) write(item);
    });
  }

  /**
   * A struct, a tuple, a newtype, or an enum together with the fields of its variant: one level around
   * what `write` writes, and no bytes. Needed in a type that contains itself, and around one.
   *
   * @param {() => unknown} write
   */
  level(write) {
    this.#limits.level(write);
    return this;
  }

  done() {
    return Uint8Array.from(this.#bytes);
  }
}

/** @param {number} number */
function u32(number) {
  if (!Number.isInteger(number) || number < 0 || number > MAX_U32) {
    throw new WriteError('invalid', `${number} is no whole number of 32 bits`);
  }
  return number;
}

/** @param {number} number */
const varintLength = (number) => (number < 2 ** 7 ? 1 : number < 2 ** 14 ? 2 : number < 2 ** 21 ? 3 : number < 2 ** 28 ? 4 : 5);

// Dynamic data.

/**
 * A double that happens to be whole, `1.0`, or is minus zero. JavaScript does not tell it from `1`
 * and `0`, the wire does. Sums with it are numbers.
 */
export class Double {
  /** @param {number} value */
  constructor(value) {
    /** @readonly */
    this.value = value;
  }

  valueOf() {
    return this.value;
  }

  toJSON() {
    return this.value;
  }
}

/**
 * What dynamic data holds. A `number` that is a safe integer is an integer, any other a double; a
 * `bigint` is an integer of 64 bits, signed or unsigned.
 *
 * @typedef {null | boolean | number | bigint | string | Double | DynamicArray | DynamicObject} DynamicValue
 */
/** @typedef {Array<any>} DynamicArray of `DynamicValue` */
/** @typedef {{ [key: string]: any }} DynamicObject with a `DynamicValue` for each key */

const ESCAPES = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

class JsonReader {
  #text;
  #at = 0;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  /** @returns {DynamicObject} */
  whole() {
    this.#space();
    if (this.#text[this.#at] !== '{') throw new Invalid('dynamic data is one object');
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) throw new Invalid('text is left over');
    return /** @type {DynamicObject} */ (value);
  }

  #space() {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1;
  }

  /** @param {string} token */
  #take(token) {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  /** @param {string} token */
  #expect(token) {
    if (!this.#take(token)) throw new Invalid(`no ${token} where one must be`);
  }

  /**
   * @param {number} depth
   * @returns {DynamicValue}
   */
  #value(depth) {
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      case 't':
        return this.#expect('true'), true;
      case 'f':
        return this.#expect('false'), false;
      case 'n':
        return this.#expect('null'), null;
      default:
        return this.#number();
    }
  }

  /** @param {number} depth */
  #object(depth) {
    this.#descend(depth, '{');
    /** @type {DynamicObject} */
    const object = Object.create(null);
    this.#space();
    if (this.#take('}')) return object;
    do {
      this.#space();
      const key = this.#string();
      this.#space();
      this.#expect(':');
      object[key] = this.#value(depth);
      this.#space();
    } while (this.#take(','));
    this.#expect('}');
    return object;
  }

  /** @param {number} depth */
  #array(depth) {
    this.#descend(depth, '[');
    /** @type {DynamicValue[]} */
    const array = [];
    this.#space();
    if (this.#take(']')) return array;
    do {
      array.push(this.#value(depth));
      this.#space();
    } while (this.#take(','));
    this.#expect(']');
    return array;
  }

  /** @param {number} depth @param {string} token */
  #descend(depth, token) {
    if (depth > MAX_DYNAMIC_DEPTH) throw new Invalid('nested too deep');
    this.#expect(token);
  }

  #string() {
    this.#expect('"');
    let out = '';
    for (;;) {
      const character = this.#text[this.#at];
      this.#at += 1;
      if (character === '"') break;
      if (character === undefined || character < ' ') throw new Invalid('a text does not end, or has a control character');
      out += character === '\\' ? this.#escape() : character;
    }
    if (/\p{Surrogate}/u.test(out)) throw new Invalid('half a surrogate pair');
    return out;
  }

  #escape() {
    const character = this.#text[this.#at];
    this.#at += 1;
    if (character !== 'u') {
      const escaped = ESCAPES.get(character);
      if (escaped === undefined) throw new Invalid('an escape that JSON does not have');
      return escaped;
    }
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new Invalid('an escape without four hex digits');
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #number() {
    const form = /-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
    form.lastIndex = this.#at;
    const match = form.exec(this.#text);
    if (!match) throw new Invalid('no value where one must be');
    this.#at += match[0].length;
    const number = Number(match[0]);
    if (!Number.isFinite(number)) throw new Invalid('a number is too large for a double');
    if (match[1] === '' && match[0] !== '-0') {
      if (Number.isSafeInteger(number)) return number;
      const integer = BigInt(match[0]);
      // A whole number of more than 64 bits is a double.
      return isInteger64(integer) ? integer : number;
    }
    return Number.isSafeInteger(number) ? new Double(number) : number;
  }
}

/** @param {bigint} integer */
const isInteger64 = (integer) => integer >= -(2n ** 63n) && integer < 2n ** 64n;

/**
 * @param {number} value
 * @returns {string}
 */
function writeDouble(value) {
  if (!Number.isFinite(value)) throw new WriteError('invalid', 'there is no NaN and no infinity');
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  if (value < 0) return `-${writeDouble(-value)}`;
  const [mantissa, power] = value.toExponential().split('e');
  const [digits, exponent] = [mantissa.replace('.', ''), Number(power)];
  // The plus that JavaScript writes is there in what Rust writes, too.
  if (exponent < -5 || exponent > 15) return `${mantissa}e${power}`;
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const padded = digits.padEnd(exponent + 1, '0');
  return `${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1) || '0'}`;
}

/** @param {string} text */
function writeString(text) {
  if (/\p{Surrogate}/u.test(text)) throw new WriteError('invalid', 'a text has half a surrogate pair');
  return JSON.stringify(text);
}

/**
 * By the bytes in UTF-8, which sort as code points do and UTF-16 does not.
 *
 * @param {string} a
 * @param {string} b
 */
function byUtf8(a, b) {
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  const at = left.findIndex((byte, place) => byte !== right[place]);
  return at === -1 ? left.length - right.length : left[at] - (right[at] ?? -1);
}

/**
 * @param {unknown} value
 * @param {number} depth
 * @returns {string}
 */
function writeJson(value, depth) {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return writeString(value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : writeDouble(value);
  }
  if (typeof value === 'bigint') {
    if (!isInteger64(value)) throw new WriteError('invalid', 'an integer has more than 64 bits');
    return String(value);
  }
  if (value instanceof Double) return writeDouble(value.value);
  if (typeof value !== 'object') throw new WriteError('invalid', `a ${typeof value} is no value of JSON`);
  if (depth >= MAX_DYNAMIC_DEPTH) throw new WriteError('invalid', 'the data is nested over 127 deep');
  if (Array.isArray(value)) return `[${Array.from(value, (item) => writeJson(item, depth + 1)).join(',')}]`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new WriteError('invalid', `a ${prototype.constructor?.name ?? 'class'} is no value of JSON`);
  }
  const object = /** @type {Record<string, unknown>} */ (value);
  const members = Object.keys(object).toSorted(byUtf8);
  return `{${members.map((key) => `${writeString(key)}:${writeJson(object[key], depth + 1)}`).join(',')}}`;
}

/**
 * How an application's data is read and written. `read` throws if the bytes are no such data or go
 * on behind it.
 *
 * @template T
 * @typedef {{ read(bytes: Uint8Array<ArrayBuffer>): T, write(data: T): Uint8Array }} DataFormat
 */

/**
 * Dynamic data: one JSON object (`Sessions<Dynamic>` in Rust). What is read has no prototype.
 *
 * @type {DataFormat<DynamicObject>}
 */
export const dynamic = {
  read(bytes) {
    const reader = new ByteReader(bytes);
    const text = reader.text();
    reader.end();
    return new JsonReader(text).whole();
  },
  write(data) {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      throw new WriteError('invalid', 'dynamic data is one object');
    }
    return new ByteWriter().text(writeJson(data, 0)).done();
  },
};

// Sessions.

/** @typedef {{ idle: number, absolute: number }} Timeouts in seconds */

/**
 * One visitor's session.
 *
 * @template T
 * @typedef {object} Session
 * @property {string} id a UUIDv7, whose time is that of creation
 * @property {number} renewed the last renewal, in seconds since creation
 * @property {Timeouts | undefined} timeouts its own timeouts, if it has them
 * @property {number} schema the version of `data`
 * @property {number} cut which endings of its subject it was sealed after; 0 without a subject
 * @property {T} data
 */

/**
 * When a session was created, in milliseconds since 1970.
 *
 * @param {{ id: string }} session
 */
export const createdAt = ({ id }) => fromBe(fromUuid(id).subarray(0, 6));

/**
 * @template T
 * @typedef {object} Settings
 * @property {string} app names the application and the use of the cookie
 * @property {KeyRing} keys
 * @property {DataFormat<T>} data
 * @property {string} [cookieName] `__Host-session` by default
 * @property {number} [schema] the version of the application's data, 0 by default
 * @property {Record<number, (data: Uint8Array<ArrayBuffer>) => T>} [upgrades] by older schema: reads its bytes
 * @property {Timeouts} [timeouts] 30 minutes and 8 hours by default
 * @property {Timeouts} [longestTimeouts] what a session's own are cut to; `timeouts` by default
 * @property {number} [rejectCreatedBefore] in milliseconds since 1970
 * @property {(session: Session<T>) => boolean} [revoked] `true` refuses a session
 * @property {number} [padding] from 1 to 256, 16 by default
 * @property {(length: number) => Uint8Array} [random] for tests; the platform's generator by default
 */

/** Refused, but not to be overwritten: another server, or a clock that is right, can still use it. */
const KEPT = new Set(['unknown_version', 'newer_schema', 'not_yet_valid', 'too_many']);

/**
 * Opens and seals the cookies of one name.
 *
 * @template T
 */
export class Sessions {
  /** @type {Required<Omit<Settings<T>, 'revoked'>> & Pick<Settings<T>, 'revoked'>} */
  #settings;
  #binding;
  #nameLength;

  /** @param {Settings<T>} settings */
  constructor(settings) {
    const timeouts = settings.timeouts ?? { idle: 1800, absolute: 28_800 };
    this.#settings = {
      cookieName: '__Host-session',
      schema: 0,
      upgrades: {},
      rejectCreatedBefore: 0,
      padding: 16,
      random: systemRandom,
      longestTimeouts: timeouts,
      ...settings,
      timeouts,
    };
    const { app, cookieName, padding } = this.#settings;
    for (const [what, text] of [['app', app], ['cookieName', cookieName]]) {
      const { length } = utf8.encode(text);
      if (length === 0 || length > 0xffff) throw new TypeError(`${what} has 1 to 65535 bytes`);
    }
    if (!Number.isInteger(padding) || padding < 1 || padding > 256) throw new TypeError('padding is from 1 to 256');
    this.#binding = concat(prefixed(app), prefixed(cookieName));
    this.#nameLength = utf8.encode(cookieName).length;
  }

  /**
   * Begins the session of a new visitor.
   *
   * @param {T} data
   * @param {number} [now]
   * @returns {Session<T>}
   */
  create(data, now = Date.now()) {
    const { random, schema } = this.#settings;
    return { id: newId(now, random), renewed: 0, timeouts: undefined, schema, cut: 0, data };
  }

  /**
   * Opens a cookie's value.
   *
   * @param {string} value
   * @param {number} [now]
   * @returns {Promise<Session<T>>}
   * @throws {Refused} with the first check that it failed
   */
  async open(value, now = Date.now()) {
    return this.#decrypt(this.#recognise(value, time(now)), time(now));
  }

  /**
   * Rows 1 to 5: everything before the cipher.
   *
   * @param {string} value
   * @param {number} now
   */
  #recognise(value, now) {
    // 1. Length, before any work. What is not ASCII is refused below, so it may be counted short.
    if (this.#nameLength + 1 + value.length > MAX_COOKIE_LENGTH) throw new Refused('too_long', 1);
    // 2 and 3. Text → bytes.
    const envelope = fromBase64url(value);
    if (!envelope) throw new Refused('malformed', 2);
    if (envelope.length < HEAD_LENGTH + TAG_LENGTH) throw new Refused('malformed', 3);
    // 4. Version.
    const [version] = envelope;
    if (version >= 2 && version <= 15) throw new Refused('unknown_version', 4);
    if (version !== VERSION) throw new Refused('malformed', 4);
    // 5. Key id → key: exactly one, or none.
    const key = this.#settings.keys.find(toHex(envelope.subarray(1, 5)), now);
    if (key === 'unknown') throw new Refused('unknown_key', 5);
    if (key === 'retired') throw new Refused('retired_key', 5);
    return { envelope, key };
  }

  /**
   * Rows 6 to 13.
   *
   * @param {{ envelope: Uint8Array<ArrayBuffer>, key: Key }} recognised
   * @param {number} now
   * @returns {Promise<Session<T>>}
   */
  async #decrypt({ envelope, key }, now) {
    // 6. Ciphertext → plaintext.
    const nonce = envelope.slice(5, HEAD_LENGTH);
    const plaintext = await key.decrypt(nonce, this.#associated(key), envelope.slice(HEAD_LENGTH));
    if (!plaintext) throw new Refused('forged', 6);
    // 7. Plaintext → stamps and bytes of data.
    const { bytes, ...stamps } = attempt(7, () => readPlaintext(plaintext));
    // 8 and 9. The clocks and both deadlines.
    this.#checkTimes(stamps, now);
    // 10. What the operator ended.
    if (createdAt(stamps) < this.#settings.rejectCreatedBefore) throw new Refused('revoked', 10);
    // 11 and 12. Bytes → data of this schema or an older one.
    const session = { ...stamps, data: this.#readData(stamps.schema, bytes) };
    // 13. What the application ended.
    if (this.#settings.revoked?.(session)) throw new Refused('revoked', 13);
    return session;
  }

  /** @param {Key} key */
  #associated(key) {
    return concat([VERSION], key.idBytes, this.#binding);
  }

  /**
   * @param {Omit<Session<T>, 'data'>} session
   * @param {number} now
   */
  #checkTimes(session, now) {
    const created = createdAt(session);
    const renewed = created + session.renewed * 1000;
    if (renewed > now + CLOCK_SKEW * 1000) throw new Refused('not_yet_valid', 8);
    const { idle, absolute } = this.#timeouts(session);
    if (Math.min(created, now) + absolute * 1000 <= now) throw new Refused('absolute_timeout', 9);
    if (Math.min(renewed, now) + idle * 1000 <= now) throw new Refused('idle_timeout', 9);
  }

  /**
   * The timeouts that count for a session: the policy's of today, or its own, cut to the longest.
   *
   * @param {Pick<Session<T>, 'timeouts'>} session
   * @returns {Timeouts}
   */
  #timeouts({ timeouts: own }) {
    const { timeouts, longestTimeouts: longest } = this.#settings;
    if (!own) return timeouts;
    return { idle: Math.min(own.idle, longest.idle), absolute: Math.min(own.absolute, longest.absolute) };
  }

  /**
   * @param {number} schema
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  #readData(schema, bytes) {
    const { schema: ours, upgrades, data } = this.#settings;
    if (schema > ours) throw new Refused('newer_schema', 11);
    if (schema === ours) return attempt(12, () => data.read(bytes));
    const upgrade = upgrades[schema];
    if (!upgrade) throw new Refused('old_schema', 11);
    return attempt(12, () => upgrade(bytes));
  }

  /**
   * Finds the session of the visitor who sent these `Cookie` headers. Never throws for what they say.
   *
   * @param {string | string[] | Headers | undefined | null} headers
   * @param {number} [now]
   * @returns {Promise<{ session?: Session<T>, refused?: Reason, cookies: number }>} the session, or
   *   why there is none; nothing of both for a new visitor; and how many cookies of our name there were
   */
  async load(headers, now = Date.now()) {
    const values = cookieValues(headers, this.#settings.cookieName);
    /** @type {Refused[]} */
    const refused = [];
    /** @type {Session<T> | undefined} */
    let found;
    let [opened, ambiguous] = [0, false];
    for (const value of values) {
      try {
        const recognised = this.#recognise(value, time(now));
        opened += 1;
        if (opened > MAX_OPENED) return { refused: 'too_many', cookies: values.length };
        const session = await this.#decrypt(recognised, time(now));
        if (found && found.id !== session.id) ambiguous = true;
        else if (!found || session.renewed > found.renewed) found = session;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refused.push(error);
      }
    }
    if (ambiguous) return { refused: 'ambiguous', cookies: values.length };
    if (found) return { session: found, cookies: values.length };
    const rank = (/** @type {Refused} */ { reason, row }) => (KEPT.has(reason) ? 100 : 0) + row;
    const first = refused.toSorted((a, b) => rank(b) - rank(a))[0];
    return first ? { refused: first.reason, cookies: values.length } : { cookies: values.length };
  }

  /**
   * Seals a session as a cookie's value, as renewed at `now`.
   *
   * @param {Session<T>} session
   * @param {number} [now]
   * @returns {Promise<string>}
   * @throws {WriteError} if it is too large, no key seals now, or the data cannot be written
   */
  async seal(session, now = Date.now()) {
    const key = this.#settings.keys.sealingKey(now);
    if (!key) throw new WriteError('no_sealing_key', 'no key of the ring seals now');
    const { schema, data, random, padding } = this.#settings;
    const stamps = { ...session, renewed: this.#renewedAt(session, time(now)), schema };
    const bytes = data.write(session.data);
    this.#checkSize(stamps, bytes.length);
    const nonce = Uint8Array.from(random(24));
    const sealed = await key.encrypt(nonce, this.#associated(key), writePlaintext(stamps, bytes, padding));
    return toBase64url(concat([VERSION], key.idBytes, nonce, sealed));
  }

  /**
   * @param {Session<T>} session
   * @param {number} now
   */
  #renewedAt(session, now) {
    const age = Math.max(Math.floor((now - createdAt(session)) / 1000), 0);
    return Math.max(Math.min(age, this.#timeouts(session).absolute, MAX_U32), session.renewed);
  }

  /**
   * Counts `renewed` and `cut` at their widest, so that a session that fits once fits for life.
   *
   * @param {Omit<Session<T>, 'data'>} stamps
   * @param {number} dataLength
   */
  #checkSize({ timeouts, schema }, dataLength) {
    const { padding } = this.#settings;
    const own = timeouts ? varintLength(timeouts.idle) + varintLength(timeouts.absolute) : 0;
    const length = 16 + 2 * MAX_VARINT_LENGTH + 1 + own + varintLength(schema) + dataLength + 1;
    const padded = Math.ceil(length / padding) * padding;
    const size = this.#nameLength + 1 + Math.ceil(((HEAD_LENGTH + padded + TAG_LENGTH) * 4) / 3);
    if (size > MAX_COOKIE_LENGTH) {
      throw new WriteError('too_large', `the session makes a cookie of ${size} bytes, 4096 is the limit`);
    }
  }

  /**
   * Makes a token for a form.
   *
   * @param {string | Uint8Array} bound the session's id, or what `cookiesBound` returns
   * @param {number} [now]
   * @returns {Promise<string>} 92 characters, others each time
   * @throws {WriteError} if no key seals now
   */
  async formToken(bound, now = Date.now()) {
    const key = this.#settings.keys.sealingKey(now);
    if (!key) throw new WriteError('no_sealing_key', 'no key of the ring seals now');
    const mask = this.#settings.random(32);
    const mac = await key.csrfMac(this.#csrfMessage(bound));
    return toBase64url(concat([VERSION], key.idBytes, mask, mac.map((byte, at) => byte ^ mask[at])));
  }

  /**
   * Tells whether a token came from us, for one of these bounds.
   *
   * @param {string} token
   * @param {(string | Uint8Array)[]} bounds
   * @param {number} [now]
   */
  async verifyFormToken(token, bounds, now = Date.now()) {
    if (token.length !== TOKEN_LENGTH) return false;
    const bytes = fromBase64url(token);
    if (!bytes || bytes[0] !== VERSION) return false;
    const key = this.#settings.keys.find(toHex(bytes.subarray(1, 5)), now);
    if (typeof key === 'string') return false;
    const mac = bytes.slice(37).map((byte, at) => byte ^ bytes[5 + at]);
    const verdicts = bounds.map((bound) => key.csrfVerify(mac, this.#csrfMessage(bound)));
    return (await Promise.all(verdicts)).includes(true);
  }

  /**
   * What a form token is bound to if the request's cookies are kept unread.
   *
   * @param {string | string[] | Headers | undefined | null} headers
   */
  async cookiesBound(headers) {
    const values = cookieValues(headers, this.#settings.cookieName);
    // A header's characters are its bytes.
    return sha256(Uint8Array.from(values.map((value) => `${value};`).join(''), (c) => c.charCodeAt(0)));
  }

  /** @param {string | Uint8Array} bound */
  #csrfMessage(bound) {
    return concat(this.#binding, typeof bound === 'string' ? fromUuid(bound) : bound);
  }
}

/**
 * Whatever is thrown while authentic bytes are read refuses them, and stays as the `cause`.
 *
 * @template V
 * @param {number} row
 * @param {() => V} read
 * @returns {V}
 */
function attempt(row, read) {
  try {
    return read();
  } catch (cause) {
    throw new Refused('invalid_payload', row, { cause });
  }
}

/** @param {Uint8Array<ArrayBuffer>} plaintext */
function readPlaintext(plaintext) {
  let end = plaintext.length;
  while (end > 0 && plaintext[end - 1] === 0) end -= 1;
  if (plaintext.length - end > 255 || plaintext[end - 1] !== 0x80) throw new Invalid('no marker');
  const reader = new ByteReader(plaintext.slice(0, end - 1));
  const id = reader.bytes(16);
  if (!isUuidV7(id)) throw new Invalid('the id is no UUIDv7');
  const renewed = reader.u32();
  const timeouts = reader.option(() => ({ idle: reader.u32(), absolute: reader.u32() }));
  const [schema, cut] = [reader.u32(), reader.u32()];
  return { id: toUuid(id), renewed, timeouts, schema, cut, bytes: reader.rest() };
}

/**
 * @param {Omit<Session<unknown>, 'data'>} stamps
 * @param {Uint8Array} bytes
 * @param {number} padding
 */
function writePlaintext({ id, renewed, timeouts, schema, cut }, bytes, padding) {
  const idBytes = fromUuid(id);
  if (!isUuidV7(idBytes)) throw new WriteError('invalid', 'the id of a session is a UUIDv7');
  const writer = new ByteWriter().bytes(idBytes).u32(renewed);
  writer.option(timeouts, ({ idle, absolute }) => writer.u32(idle).u32(absolute));
  const body = writer.u32(schema).u32(cut).bytes(bytes).bytes([0x80]).done();
  return concat(body, new Uint8Array((padding - (body.length % padding)) % padding));
}

/**
 * The values of all cookies of this name, in the order they came. The characters of a header are its
 * bytes, as in Fetch and in Node.
 *
 * @param {string | string[] | Headers | undefined | null} headers
 * @param {string} name
 * @returns {string[]}
 */
export function cookieValues(headers, name) {
  const lines = headers instanceof Headers ? headers.get('cookie') : headers;
  let left = MAX_HEADER_LENGTH;
  /** @type {string[]} */
  const values = [];
  for (const line of typeof lines === 'string' ? [lines] : (lines ?? [])) {
    const pairs = line.slice(0, left).split(';');
    // Half a value is none.
    if (line.length > left) pairs.pop();
    left -= Math.min(line.length, left);
    for (const pair of pairs) {
      const trimmed = pair.replace(/^[\t\n\f\r ]+/, '');
      if (trimmed.startsWith(`${name}=`)) values.push(trimmed.slice(name.length + 1));
    }
  }
  return values;
}

// Entries of ended sessions.

/**
 * One fact about ended sessions. `subject` is 32 hex digits.
 *
 * @typedef {{ kind: 'id', id: string, subject: string | undefined, cut: number }
 *   | { kind: 'cut', subject: string, number: number, time: number }
 *   | { kind: 'everyone', time: number }
 *   | { kind: 'keep', seconds: number, time: number }} Entry
 */

const MIN_CUT = 2;
const MAX_CUT = 0xff00_0000;

/** Reads and writes the entries of one namespace. */
export class EntryFormat {
  #namespace;

  /** @param {string} namespace */
  constructor(namespace) {
    this.#namespace = prefixed(namespace);
  }

  /**
   * What stands for a user in entries, as 32 hex digits.
   *
   * @param {string} name
   */
  async subject(name) {
    const hashed = concat(utf8.encode('sealed-session v1 subject'), this.#namespace, prefixed(name));
    return toHex((await sha256(hashed)).subarray(0, 16));
  }

  /**
   * @param {Entry} entry
   * @throws {WriteError}
   */
  async write(entry) {
    const said = concat([VERSION], writeEntry(entry));
    return concat(said, await this.#check(said));
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {Promise<Entry>}
   * @throws {EntryError}
   */
  async read(bytes) {
    const [version] = bytes;
    if (version >= 2 && version <= 15) {
      throw new EntryError('unknown_version', `the entry has version ${version}: a later release wrote it`);
    }
    const none = () => new EntryError('not_an_entry', 'these bytes are no entry of this namespace');
    if (version !== VERSION || bytes.length < 6) throw none();
    const [said, check] = [bytes.slice(0, -4), bytes.slice(-4)];
    const right = await this.#check(said);
    if (right.some((byte, at) => byte !== check[at])) throw none();
    try {
      return readEntry(said);
    } catch (error) {
      throw error instanceof Invalid ? none() : error;
    }
  }

  /** @param {Uint8Array} said */
  async #check(said) {
    const hashed = concat(utf8.encode('sealed-session v1 entry'), this.#namespace, said);
    return (await sha256(hashed)).slice(0, 4);
  }
}

const NO_SUBJECT = '0'.repeat(32);

/** @param {Entry} entry */
function writeEntry(entry) {
  const subjectBytes = (/** @type {string} */ subject) => fromUuid(subject.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  switch (entry.kind) {
    case 'id': {
      const id = fromUuid(entry.id);
      if (!isUuidV7(id)) throw new WriteError('invalid', 'the id of a session is a UUIDv7');
      return concat([1], id, subjectBytes(entry.subject ?? NO_SUBJECT), u32be(u32(entry.cut)));
    }
    case 'cut':
      if (entry.number < MIN_CUT || entry.number > MAX_CUT) throw new WriteError('invalid', 'no server makes such a cut');
      if (entry.subject === NO_SUBJECT) throw new WriteError('invalid', 'a cut is that of a subject');
      return concat([2], subjectBytes(entry.subject), u32be(u32(entry.number)), u48be(time(entry.time)));
    case 'everyone':
      return concat([3], u48be(time(entry.time)));
    case 'keep':
      return concat([4], u32be(u32(entry.seconds)), u48be(time(entry.time)));
    default:
      throw new WriteError('invalid', 'an entry is of the kind id, cut, everyone or keep');
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} said version, kind and body
 * @returns {Entry}
 */
function readEntry(said) {
  const reader = new ByteReader(said);
  reader.u8();
  const number = (/** @type {number} */ length) => fromBe(reader.bytes(length));
  const entry = (() => {
    switch (reader.u8()) {
      case 1: {
        const id = reader.bytes(16);
        if (!isUuidV7(id)) throw new Invalid('the id is no UUIDv7');
        const subject = toHex(reader.bytes(16));
        return { kind: 'id', id: toUuid(id), subject: subject === NO_SUBJECT ? undefined : subject, cut: number(4) };
      }
      case 2: {
        const [subject, cut] = [toHex(reader.bytes(16)), number(4)];
        const at = number(6);
        reader.end();
        if (cut > MAX_CUT) throw new EntryError('number_too_large', `the cut ${cut} is greater than any that a server makes`);
        if (subject === NO_SUBJECT || cut < MIN_CUT) throw new Invalid('no cut');
        return { kind: 'cut', subject, number: cut, time: at };
      }
      case 3:
        return { kind: 'everyone', time: number(6) };
      case 4:
        return { kind: 'keep', seconds: number(4), time: number(6) };
      default:
        throw new Invalid('an unknown kind');
    }
  })();
  reader.end();
  return /** @type {Entry} */ (entry);
}
