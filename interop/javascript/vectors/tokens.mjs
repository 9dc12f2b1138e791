// @ts-check
/** Form tokens. */

import { createHmac, hkdfSync } from 'node:crypto';
import { toBase64url } from '../sealed-session.mjs';
import { APP, KEYS, KEY_TEXTS, NAME, NOW, SECOND, SECRETS, bytes, hex, sha256, u16, unhex } from './parts.mjs';

const ID = '01a1fdfa46007abc8def123456789abc';
const OTHER_ID = '01a1fdfa46007abc8def123456789abd';
const FROM_0X80 = Uint8Array.from({ length: 32 }, (_, at) => 0x80 + at);

/** @param {string} app @param {string} name */
const context = (app, name) => bytes(u16(Buffer.byteLength(app)), app, u16(Buffer.byteLength(name)), name);

/**
 * @param {Uint8Array} bound
 * @param {{ key?: 'a' | 'b', info?: string, message?: Uint8Array }} [how]
 */
function mac(bound, { key = 'a', info = 'sealed-session v1 csrf', message = bytes(context(APP, NAME), bound) } = {}) {
  const secret = new Uint8Array(hkdfSync('sha256', SECRETS[key], '', info, 32));
  return Uint8Array.from(createHmac('sha256', secret).update(message).digest());
}

/** @param {Uint8Array} mac @param {{ mask?: Uint8Array, key?: 'a' | 'b', version?: number }} [how] */
const token = (mac, { mask = FROM_0X80, key = 'a', version = 1 } = {}) =>
  bytes([version], KEYS[key].idBytes, mask, mac.map((byte, at) => byte ^ mask[at]));

/** @param {string[]} values */
const cookies = (values) => sha256(Uint8Array.from(values.map((value) => `${value};`).join(''), (c) => c.charCodeAt(0)));

export function tokens() {
  const id = unhex(ID);
  const right = token(mac(id));
  const text = toBase64url(right);
  const rotated = (/** @type {number} */ open) => ({
    schedule: [{ key: 'a', seal_from: NOW - 3600 * SECOND, open_until: NOW + open }, { key: 'b', seal_from: NOW - SECOND }],
  });
  const revoked = {
    schedule: [{ key: 'a', seal_from: NOW - 3600 * SECOND, revoked: true }, { key: 'b', seal_from: NOW - SECOND }],
  };
  const values = (/** @type {string[]} */ ...values) => ({ bound: { values }, token: toBase64url(token(mac(cookies(values)))) });
  const made = (/** @type {Parameters<typeof mac>[1]} */ how) => toBase64url(token(mac(id, how)));
  const flip = (/** @type {number} */ at) => toBase64url(right.map((byte, place) => (place === at ? byte ^ 1 : byte)));

  /** @type {Record<string, any>} */
  const good = {
    of_a_session: { token: text },
    of_a_session_under_another_mask: { token: toBase64url(token(mac(id), { mask: sha256('mask') })) },
    of_a_session_under_a_mask_of_zeros: { token: toBase64url(token(mac(id), { mask: new Uint8Array(32) })) },
    of_the_cookies: values('Ag', '', 'AgMEBQ'),
    of_one_empty_cookie: values(''),
    of_no_cookies: values(),
    of_cookies_beyond_ascii: values('\u00ff\u0080'),
    under_a_key_that_no_longer_seals: { token: text, server_keys: rotated(1) },
    // Exclusive or does not tell them apart: the masked MAC is a mask as good as any.
    mask_and_masked_mac_swapped: { token: toBase64url(bytes(right.slice(0, 5), right.slice(37), right.slice(5, 37))) },
  };
  /** @type {Record<string, any>} */
  const bad = {
    empty: { token: '', because: 'a token has 92 characters' },
    a_character_missing: { token: text.slice(0, -1), because: 'a token has 92 characters' },
    a_character_too_many: { token: `${text}A`, because: 'a token has 92 characters' },
    padding_behind: { token: `${text.slice(0, -1)}=`, because: 'an equals sign is not of the base64url alphabet' },
    alphabet_of_plain_base64: { token: `${text.slice(0, -1)}+`, because: 'a plus is not of the base64url alphabet' },
    letter_beyond_ascii: { token: `${text.slice(0, -2)}\u00e9`, because: 'a letter beyond ASCII is not of the base64url alphabet' },
    version_0: { token: toBase64url(token(mac(id), { version: 0 })), because: 'the first byte is 0x00' },
    version_2: { token: toBase64url(token(mac(id), { version: 2 })), because: 'the first byte is 0x02, a later version' },
    unknown_key: { token: flip(1), because: 'no key has this id' },
    key_of_another_id: {
      token: toBase64url(token(mac(id, { key: 'b' }))), server_keys: { seals: 'a', opens: ['b'] }, because: 'the MAC is of another key than the id names',
    },
    key_at_its_open_until: { token: text, server_keys: rotated(0), because: 'the key has reached its open_until' },
    key_revoked: { token: text, server_keys: revoked, because: 'the key is revoked' },
    mask_changed: { token: flip(5), because: 'a bit of the mask is another, and so of the MAC under it' },
    masked_mac_changed: { token: flip(68), because: 'a bit of the masked MAC is another' },
    lowest_bit_of_every_byte_of_the_mac_changed: {
      token: toBase64url(bytes(right.slice(0, 5), right.slice(37), right.slice(5, 37).map((byte) => byte ^ 1))),
      because: 'the lowest bit of every byte of the MAC is another',
    },
    another_session: { token: text, bound: { id: OTHER_ID }, because: 'it is bound to another session' },
    another_application: { token: made({ message: bytes(context('blog', NAME), id) }), because: 'the MAC is for the application blog' },
    another_name: { token: made({ message: bytes(context(APP, 'sid'), id) }), because: 'the MAC is for the cookie sid' },
    without_lengths: { token: made({ message: bytes(APP, NAME, id) }), because: 'the MAC is over application and name without their lengths' },
    derived_as_the_encryption_key: { token: made({ info: 'sealed-session v1 encryption' }), because: 'the MAC is under the key that encrypts' },
    of_the_cookies_for_a_session: { token: values('Ag').token, because: 'it is bound to cookies, and not to the session' },
    of_a_session_for_the_cookies: { token: text, bound: { values: ['Ag'] }, because: 'it is bound to a session, and not to the cookies' },
    other_order_of_the_cookies: { ...values('Ag', 'AgMEBQ'), bound: { values: ['AgMEBQ', 'Ag'] }, because: 'it is bound to the same cookies in another order' },
    cookies_divided_elsewhere: { ...values('AgMEBQ'), bound: { values: ['Ag', 'MEBQ'] }, because: 'it is bound to one cookie, and these are two' },
    a_cookie_less: { ...values('Ag', ''), bound: { values: ['Ag'] }, because: 'it is bound to two cookies, and this is one' },
  };
  const vector = (/** @type {[string, any]} */ [name, { bound = { id: ID }, ...rest }]) => ({ name, bound, ...rest });
  return {
    about: 'Form tokens. `bound` is the id of the session, or the values of the cookies of our name in the order they came (their characters are their bytes). `because` says what is wrong with a bad one.',
    keys: KEY_TEXTS,
    server_keys: { seals: 'a' },
    app: APP,
    cookie_name: NAME,
    now: NOW,
    made: { token: text, key: 'a', mask: hex(FROM_0X80), mac: hex(mac(id)), bound: { id: ID } },
    good: Object.entries(good).map(vector),
    bad: Object.entries(bad).map(vector),
  };
}
