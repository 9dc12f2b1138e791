// @ts-check
/** Cookies of Rust's `cookie` crate (`PrivateJar`), and the ids of the sessions that they are. */

import { createCipheriv } from 'node:crypto';
import { NOW, SECOND, hex, sha256 } from './parts.mjs';

const NAME = 'user';
const SINCE = NOW + 123;
/** Of the jar's 64 bytes the last 32 encrypt. */
const JAR_KEY = Uint8Array.from({ length: 64 }, (_, at) => at);

/** Base64 of nonce, ciphertext and tag; the cookie's name is authenticated. */
function sealed(/** @type {string} */ vector, /** @type {string} */ text, { name = NAME, key = JAR_KEY } = {}) {
  const nonce = sha256(`nonce of jar ${vector}`).slice(0, 12);
  const cipher = createCipheriv('aes-256-gcm', key.slice(32), nonce);
  cipher.setAAD(Buffer.from(name));
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

/** A UUIDv7 of a time and of the first 74 bits of a hash. @param {number} millis @param {Uint8Array} hash */
function idOf(millis, hash) {
  const bits = BigInt(`0x${hex(hash.slice(0, 10))}`) >> 6n;
  const number = (BigInt(millis) << 80n) | (7n << 76n) | ((bits >> 62n) << 64n) | (2n << 62n) | (bits & ((1n << 62n) - 1n));
  return number.toString(16).padStart(32, '0').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Percent-encodes what the libraries encode, or everything. */
const encoded = (/** @type {string} */ value, which = /[+/=]/g) =>
  value.replace(which, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

export function migratedIds() {
  const ann = sealed('ann', 'ann');
  // 4088 characters of base64, which `user=` makes 4093; a byte more makes them 4097.
  const LONGEST = 'x'.repeat(3038);
  const longest = sealed('longest', LONGEST);
  /** @type {Record<string, [string, string, string]>} the value as it is sent, its base64, its text */
  const good = {
    plain: [ann, ann, 'ann'],
    percent_encoded: [encoded(ann), ann, 'ann'],
    every_character_percent_encoded: [encoded(ann, /./g), ann, 'ann'],
    percent_encoded_in_lower_case: [encoded(ann).replace(/%../g, (code) => code.toLowerCase()), ann, 'ann'],
    another_nonce_is_another_session: [sealed('ann again', 'ann'), sealed('ann again', 'ann'), 'ann'],
    text_beyond_ascii: [sealed('zoe', 'Zo\u00eb; "\u{1f6d2}"'), sealed('zoe', 'Zo\u00eb; "\u{1f6d2}"'), 'Zo\u00eb; "\u{1f6d2}"'],
    empty_text: [sealed('empty', ''), sealed('empty', ''), ''],
    longest_under_this_name: [longest, longest, LONGEST],
  };
  const flipped = Buffer.from(ann, 'base64');
  flipped[14] ^= 1;
  /** @type {Record<string, [string, string]>} the value as it is sent, and what is wrong with it */
  const bad = {
    empty_value: ['', 'there is nothing in it, so no nonce and no tag'],
    a_bit_changed: [flipped.toString('base64'), 'a bit of the ciphertext is another, so the tag is wrong'],
    another_name: [sealed('another name', 'ann', { name: 'session' }), 'it was sealed for the name session, so the tag is wrong'],
    another_key: [sealed('another key', 'ann', { key: Uint8Array.from(JAR_KEY).reverse() }), 'it was sealed under another key, so the tag is wrong'],
    padding_missing: [sealed('padding', 'anne').replace(/=+$/, ''), 'base64 with padding has an equals sign at this end'],
    cut_short: [ann.slice(0, -4), 'the last three bytes of the tag are missing'],
    percent_without_digits: [`${ann}%`, 'a percent sign without two digits stays one, which base64 does not have'],
    percent_encoded_twice: [encoded(encoded(ann, /^./), /%/g), 'it is percent-decoded once, and a percent sign is left, which base64 does not have'],
    quotes_around: [`"${ann}"`, 'base64 has no quotes, and they are not removed'],
    url_safe_alphabet: [sealed('url safe 2', 'ann').replaceAll('+', '-').replaceAll('/', '_'), 'it has a character of base64url in place of one of base64'],
    cookie_of_4097_bytes: [sealed('too long', `${LONGEST}x`), 'name, equals sign and value are over 4096 bytes'],
  };
  if (!/[-_]/.test(bad.url_safe_alphabet[0])) throw new Error('this value is spelled alike in both alphabets');
  if (!/=$/.test(sealed('padding', 'anne'))) throw new Error('this value has no padding');
  return {
    about: 'Old cookies as a browser sends them, sealed by the PrivateJar of the Rust crate `cookie` under `jar_key` (hex), and the ids of their sessions under a migration that begins at `since`. Bad ones are no session, for the reason that `because` says.',
    name: NAME,
    jar_key: hex(JAR_KEY),
    since: SINCE,
    now: SINCE + 600 * SECOND,
    good: Object.entries(good).map(([name, [value, base64, text]]) => {
      const hash = sha256(Uint8Array.from(Buffer.from(base64, 'base64')));
      return { name, value, text, hash: hex(hash), id: idOf(SINCE, hash) };
    }),
    bad: Object.entries(bad).map(([name, [value, because]]) => ({ name, value, because })),
  };
}
