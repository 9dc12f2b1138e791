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
  };
  /** @type {Record<string, any>} */
  const bad = {
    empty: { token: '' },
    a_character_missing: { token: text.slice(0, -1) },
    a_character_too_many: { token: `${text}A` },
    padding_behind: { token: `${text.slice(0, -1)}=` },
    alphabet_of_plain_base64: { token: `${text.slice(0, -1)}+` },
    letter_beyond_ascii: { token: `${text.slice(0, -2)}\u00e9` },
    version_0: { token: toBase64url(token(mac(id), { version: 0 })) },
    version_2: { token: toBase64url(token(mac(id), { version: 2 })) },
    unknown_key: { token: flip(1) },
    key_of_another_id: { token: toBase64url(token(mac(id, { key: 'b' }))), server_keys: { seals: 'a', opens: ['b'] } },
    key_at_its_open_until: { token: text, server_keys: rotated(0) },
    key_revoked: { token: text, server_keys: revoked },
    mask_changed: { token: flip(5) },
    masked_mac_changed: { token: flip(68) },
    mask_and_mac_swapped: { token: toBase64url(bytes(right.slice(0, 5), right.slice(37), right.slice(5, 37).map((byte) => byte ^ 1))) },
    another_session: { token: text, bound: { id: OTHER_ID } },
    another_application: { token: made({ message: bytes(context('blog', NAME), id) }) },
    another_name: { token: made({ message: bytes(context(APP, 'sid'), id) }) },
    without_lengths: { token: made({ message: bytes(APP, NAME, id) }) },
    derived_as_the_encryption_key: { token: made({ info: 'sealed-session v1 encryption' }) },
    of_the_cookies_for_a_session: { token: values('Ag').token },
    of_a_session_for_the_cookies: { token: text, bound: { values: ['Ag'] } },
    other_order_of_the_cookies: { ...values('Ag', 'AgMEBQ'), bound: { values: ['AgMEBQ', 'Ag'] } },
    cookies_divided_elsewhere: { ...values('AgMEBQ'), bound: { values: ['Ag', 'MEBQ'] } },
    a_cookie_less: { ...values('Ag', ''), bound: { values: ['Ag'] } },
  };
  const vector = ([name, { bound = { id: ID }, ...rest }]) => ({ name, bound, ...rest });
  return {
    about: 'Form tokens. `bound` is the id of the session, or the values of the cookies of our name in the order they came (their characters are their bytes).',
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
