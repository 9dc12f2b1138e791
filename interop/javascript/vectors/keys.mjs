// @ts-check
/** Keys in text form, rings of them, and rings with dates. */

import { toBase64url } from '../sealed-session.mjs';
import { KEYS, KEY_TEXTS, NOW, SECOND, SECRETS, bytes, hex, sha256 } from './parts.mjs';

/** A text with the right checksum. @param {Uint8Array} secret */
const textOf = (secret) => `ssk1_${toBase64url(bytes(secret, sha256(bytes('ssk1_', secret)).slice(0, 4)))}`;

const T = KEY_TEXTS.a;
/** @param {number} at @param {string} character */
const changed = (at, character) => T.slice(0, at) + character + T.slice(at + 1);

const BAD_TEXTS = {
  empty: ['', 'prefix'],
  prefix_missing: [T.slice(5), 'prefix'],
  prefix_in_upper_case: [`SSK1_${T.slice(5)}`, 'prefix'],
  prefix_of_another_version: [`ssk2_${T.slice(5)}`, 'prefix'],
  space_in_front: [` ${T}`, 'prefix'],
  quotes_around: [`"${T}"`, 'prefix'],
  space_behind: [`${T} `, 'text_length'],
  line_end_behind: [`${T}\n`, 'text_length'],
  a_character_missing: [T.slice(0, -1), 'text_length'],
  a_character_too_many: [`${T}A`, 'text_length'],
  padding_behind: [`${T}=`, 'text_length'],
  prefix_alone: ['ssk1_', 'text_length'],
  plus_of_plain_base64: [changed(20, '+'), 'alphabet'],
  slash_of_plain_base64: [changed(20, '/'), 'alphabet'],
  equals_inside: [changed(52, '='), 'alphabet'],
  letter_beyond_ascii: [`${T.slice(0, 20)}\u00e9${T.slice(22)}`, 'alphabet'],
  a_character_changed: [changed(5, 'B'), 'checksum'],
  two_characters_swapped: [T.slice(0, 6) + T[7] + T[6] + T.slice(8), 'checksum'],
  a_character_of_the_checksum_changed: [changed(52, T[52] === 'A' ? 'B' : 'A'), 'checksum'],
  checksum_without_the_prefix: [`ssk1_${toBase64url(bytes(SECRETS.a, sha256(SECRETS.a).slice(0, 4)))}`, 'checksum'],
  all_bytes_equal: [textOf(new Uint8Array(32).fill(7)), 'all_equal'],
  all_bytes_zero: [textOf(new Uint8Array(32)), 'all_equal'],
  readable_text: [textOf(bytes('correct horse battery staple 123')), 'text'],
  readable_text_of_the_first_and_last: [textOf(bytes(' ~'.repeat(16))), 'text'],
};

const HOUR = 3600 * SECOND;
/** @type {Record<string, { keys: any[], at: any[] }>} */
const SCHEDULES = {
  one_key: {
    keys: [{ key: 'a', seal_from: NOW }],
    at: [
      { now: NOW - 1, seals: null, states: { a: 'published' } },
      { now: NOW, seals: 'a', states: { a: 'active' } },
    ],
  },
  a_rotation: {
    keys: [{ key: 'a', seal_from: NOW - HOUR, open_until: NOW + HOUR }, { key: 'b', seal_from: NOW }],
    at: [
      { now: NOW - 1, seals: 'a', states: { b: 'published', a: 'active' } },
      { now: NOW, seals: 'b', states: { b: 'active', a: 'draining' } },
      { now: NOW + HOUR - 1, seals: 'b', states: { b: 'active', a: 'draining' } },
      { now: NOW + HOUR, seals: 'b', states: { b: 'active', a: 'retired' } },
    ],
  },
  order_does_not_matter: {
    keys: [{ key: 'b', seal_from: NOW }, { key: 'a', seal_from: NOW - HOUR, open_until: NOW }],
    at: [
      { now: NOW - 1, seals: 'a', states: { b: 'published', a: 'active' } },
      { now: NOW, seals: 'b', states: { b: 'active', a: 'retired' } },
    ],
  },
  a_revoked_key: {
    keys: [{ key: 'a', seal_from: NOW - HOUR, open_until: NOW + HOUR }, { key: 'b', seal_from: NOW, revoked: true }, { key: 'c', seal_from: NOW + 1 }],
    at: [
      { now: NOW, seals: 'a', states: { c: 'published', b: 'revoked', a: 'active' } },
      { now: NOW + 1, seals: 'c', states: { c: 'active', b: 'revoked', a: 'draining' } },
    ],
  },
  a_date_before_1970: {
    keys: [{ key: 'a', seal_from: -HOUR }],
    at: [{ now: -2 * HOUR, seals: 'a', states: { a: 'active' } }],
  },
};

/** @type {Record<string, [any[], string]>} the keys, and what is wrong, which begins as this side's message goes on */
const BAD_SCHEDULES = {
  no_key: [[], 'no key can seal: there is none'],
  one_date_twice: [
    [{ key: 'a', seal_from: NOW, open_until: NOW }, { key: 'b', seal_from: NOW }],
    'two keys have the same seal_from',
  ],
  one_date_twice_with_a_revoked_key: [
    [{ key: 'a', seal_from: NOW, revoked: true }, { key: 'b', seal_from: NOW }],
    'two keys have the same seal_from, though one of them is revoked',
  ],
  newest_has_an_end: [[{ key: 'a', seal_from: NOW, open_until: NOW + HOUR }], 'the newest key has an open_until'],
  older_has_no_end: [
    [{ key: 'a', seal_from: NOW - HOUR }, { key: 'b', seal_from: NOW }],
    'a key that is not the newest needs an open_until',
  ],
  ends_before_the_next_seals: [
    [{ key: 'a', seal_from: NOW - HOUR, open_until: NOW - 1 }, { key: 'b', seal_from: NOW }],
    'a key ends before the next one seals, by a millisecond',
  ],
  all_revoked: [[{ key: 'a', seal_from: NOW, revoked: true }], 'no key can seal: the only one is revoked'],
};

export function keys() {
  const good = Object.entries(SECRETS).map(([name, secret]) => ({ name, text: KEY_TEXTS[name], key: hex(secret), id: KEYS[name].id }));
  const { a, b, c } = KEY_TEXTS;
  const opens = (/** @type {string[]} */ ...names) => names.map((name) => KEYS[name].id);
  return {
    about: 'Keys in text form, rings (texts separated by commas, and with dates), and why bad ones are refused. Times are milliseconds since 1970.',
    keys: KEY_TEXTS,
    good,
    bad: Object.entries(BAD_TEXTS).map(([name, [text, error]]) => ({ name, text, error })),
    rings: [
      { name: 'one', text: a, seals: KEYS.a.id, opens: opens('a') },
      { name: 'the_first_seals', text: `${b},${a},${c}`, seals: KEYS.b.id, opens: opens('b', 'a', 'c') },
      { name: 'white_space_around_each', text: ` ${a}\t,\n${b} `, seals: KEYS.a.id, opens: opens('a', 'b') },
      { name: 'all_white_space_of_ascii', text: `\t\n\f\r ${a}\t\n\f\r ,\r\n\f${b}\f\r\n`, seals: KEYS.a.id, opens: opens('a', 'b') },
    ],
    bad_rings: [
      { name: 'comma_alone', text: ',', position: 1, error: 'prefix' },
      { name: 'comma_behind_the_last', text: `${a},`, position: 2, error: 'prefix' },
      { name: 'one_key_twice', text: `${a},${b},${a}`, position: 3, error: 'duplicate_id' },
      { name: 'semicolon', text: `${a};${b}`, position: 1, error: 'text_length' },
      { name: 'second_is_bad', text: `${a},${changed(5, 'B')}`, position: 2, error: 'checksum' },
      { name: 'byte_order_mark_in_front', text: `\ufeff${a}`, position: 1, error: 'prefix' },
      { name: 'next_line_character_in_front', text: `\u0085${a}`, position: 1, error: 'prefix' },
      { name: 'next_line_character_in_front_of_the_second', text: `${a},\u0085${b}`, position: 2, error: 'prefix' },
      { name: 'vertical_tab_in_front', text: `\v${a}`, position: 1, error: 'prefix' },
      { name: 'no_break_space_behind', text: `${a}\u00a0`, position: 1, error: 'text_length' },
    ],
    schedules: Object.entries(SCHEDULES).map(([name, schedule]) => ({ name, ...schedule })),
    bad_schedules: Object.entries(BAD_SCHEDULES).map(([name, [keys, because]]) => ({ name, keys, because })),
  };
}
