// @ts-check
/** Cookies' values: good ones, and bad ones with one defect each. */

import { createCipheriv } from 'node:crypto';
import { fromBase64url, toBase64url } from '../sealed-session.mjs';
import {
  APP, KEYS, KEY_TEXTS, NAME, NOW, SECOND, SECRETS, associated, bytes, envelope, hex, id, own, pad, sha256,
  stamps, text, u16, value, varint, visit,
} from './parts.mjs';

/** What a server is unless a vector says otherwise. Lengths are seconds, times milliseconds. */
const SERVER = {
  app: APP,
  cookie_name: NAME,
  keys: { seals: 'a' },
  type: 'visit',
  schema: 0,
  upgrades: {},
  timeouts: { idle: 1800, absolute: 28_800 },
  longest_timeouts: { idle: 1800, absolute: 28_800 },
  reject_created_before: 0,
  revoked_user: null,
};

const ANN = visit(7, 'ann');
const LONGER = { longest_timeouts: { idle: 86_400, absolute: 864_000 } };

/** @param {number} count */
const dated = (count) => ({
  schedule: [
    { key: 'b', seal_from: NOW - 3600 * SECOND, open_until: NOW + count },
    { key: 'a', seal_from: NOW - 1800 * SECOND },
  ],
});

/** @type {any[]} */
let good;
/** @type {any[]} */
let bad;

/**
 * @param {string} name
 * @param {{ stamps?: any, data?: Uint8Array, rewritten?: Uint8Array, padding?: number, plaintext?: Uint8Array<ArrayBuffer>,
 *   seal?: any, server?: any, now?: number, says?: any }} parts
 */
async function accept(name, parts) {
  const { data = ANN, rewritten = data, server, now = NOW, says = {} } = parts;
  const plaintext = parts.plaintext ?? pad(bytes(stamps(parts.stamps), data), parts.padding);
  const session = { renewed: 0, timeouts: null, schema: 0, cut: 0, ...says, data: hex(rewritten) };
  const uuid = hex(plaintext.subarray(0, 16)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  good.push({ name, ...(server && { server }), now, value: await value(name, plaintext, parts.seal), session: { id: uuid, ...session } });
}

/**
 * @param {number} row
 * @param {string} reason
 * @param {string} name
 * @param {{ value?: string, envelope?: Uint8Array, stamps?: any, data?: Uint8Array, plaintext?: Uint8Array<ArrayBuffer>, seal?: any,
 *   server?: any, now?: number }} parts
 */
async function refuse(row, reason, name, parts) {
  const { server, now = NOW } = parts;
  const plaintext = parts.plaintext ?? pad(bytes(stamps(parts.stamps), parts.data ?? ANN));
  const made = parts.value ?? (parts.envelope ? toBase64url(parts.envelope) : await value(name, plaintext, parts.seal));
  bad.push({ name, ...(server && { server }), now, value: made, reason, row });
}

async function goodValues() {
  await accept('defaults', {});
  await accept('all_stamps', {
    stamps: { id: id(NOW - 100_123), renewed: varint(90), timeouts: own(900, 7200), schema: varint(3), cut: varint(1_795_262_400) },
    server: { schema: 3 },
    says: { renewed: 90, timeouts: { idle: 900, absolute: 7200 }, schema: 3, cut: 1_795_262_400 },
  });
  await accept('greatest_numbers_in_the_stamps', {
    stamps: { timeouts: own(2 ** 32 - 1, 2 ** 32 - 1), schema: varint(2 ** 32 - 1), cut: varint(2 ** 32 - 1) },
    server: { schema: 2 ** 32 - 1 },
    says: { timeouts: { idle: 2 ** 32 - 1, absolute: 2 ** 32 - 1 }, schema: 2 ** 32 - 1, cut: 2 ** 32 - 1 },
  });
  // Stamps take up 20 bytes.
  await accept('no_padding', { data: visit(7), padding: 1 });
  await accept('padding_of_256', { padding: 256 });
  await accept('marker_is_the_last_byte_of_a_block', { data: visit(7, 'x'.repeat(8)) });
  await accept('zeros_up_to_255', { plaintext: bytes(stamps(), ANN, [0x80], new Uint8Array(255)) });
  await accept('data_ends_like_padding', { data: visit(7, '\u0000\u0000') });
  await accept('data_holds_a_marker', { data: visit(128) });
  await accept('value_with_4_unused_bits', { data: visit(7, 'ab'), padding: 1 });
  await accept('value_with_2_unused_bits', { data: visit(7, 'abc'), padding: 1 });
  await accept('value_without_unused_bits', { data: visit(7, 'a'), padding: 1 });
  await accept('overlong_varint_in_the_stamps', { stamps: { renewed: [0x80, 0x80, 0x80, 0x80, 0x00] } });
  await accept('overlong_varint_in_the_data', { data: bytes([0x87, 0x80, 0x00], [0]), rewritten: visit(7) });
  await accept('overlong_length_of_a_text', { data: bytes([7, 1], [0x83, ...Array(8).fill(0x80), 0], 'ann'), rewritten: ANN });
  await accept('created_60_s_ahead', { stamps: { id: id(NOW + 60 * SECOND) } });
  await accept('renewed_60_s_ahead', { stamps: { id: id(NOW - 40 * SECOND), renewed: varint(100) }, says: { renewed: 100 } });
  await accept('a_millisecond_before_the_idle_deadline', {
    stamps: { id: id(NOW - 2000 * SECOND + 1), renewed: varint(200) }, says: { renewed: 200 },
  });
  await accept('a_millisecond_before_the_absolute_deadline', {
    stamps: { id: id(NOW - 28_800 * SECOND + 1), renewed: varint(28_799) }, says: { renewed: 28_799 },
  });
  await accept('own_timeouts_longer_than_the_policy', {
    stamps: { id: id(NOW - 86_399 * SECOND), timeouts: own(86_400, 864_000) }, server: LONGER,
    says: { timeouts: { idle: 86_400, absolute: 864_000 } },
  });
  await accept('created_at_the_cut_of_the_operator', { server: { reject_created_before: NOW } });
  await accept('key_in_its_last_millisecond', { seal: { key: KEYS.b }, server: { keys: dated(1) } });
  await accept('key_that_does_not_seal_yet', {
    seal: { key: KEYS.b },
    server: { keys: { schedule: [{ key: 'a', seal_from: NOW - SECOND, open_until: NOW + 9 * SECOND }, { key: 'b', seal_from: NOW + SECOND }] } },
  });
  await accept('second_key_of_the_ring', { seal: { key: KEYS.c }, server: { keys: { seals: 'a', opens: ['b', 'c'] } } });
  await accept('other_application_and_name', {
    seal: { app: 'blog', cookie: 'sid' }, server: { app: 'blog', cookie_name: 'sid' },
  });
  await accept('application_beyond_ascii', { seal: { app: 'L\u00e4den/\u{1f6d2}' }, server: { app: 'L\u00e4den/\u{1f6d2}' } });
  await accept('application_is_not_normalised', { seal: { app: 'La\u0308den' }, server: { app: 'La\u0308den' } });
  // 14 + 1 + 4081: the ciphertext takes what is left of 3060 bytes.
  const longest = 'x'.repeat(3060 - 45 - 20 - 1 - 4);
  await accept('cookie_of_4096_bytes', { data: visit(7, longest), padding: 1, seal: { cookie: 'session-of-15__' }, server: { cookie_name: 'session-of-15__' } });
  await accept('older_schema_with_an_upgrade', {
    stamps: { schema: varint(1) }, data: varint(300), rewritten: visit(300),
    server: { schema: 2, upgrades: { 1: 'page_views' } }, says: { schema: 1 },
  });
  await accept('before_1970_is_1970', { stamps: { id: id(0) }, now: -1 });
  await accept('revoked_is_somebody_else', { server: { revoked_user: 'mallory' } });
  await accept('as_deep_as_data_may_be', { data: bytes(Array(63).fill(1), [0]), server: { type: 'nest' } });
  await accept('as_many_elements_as_data_may_have', { data: varint(4096), server: { type: 'units' } });

  /** @type {(name: string, json: string, rewritten?: string) => Promise<void>} */
  const json = (name, read, written = read) =>
    accept(`dynamic_${name}`, { data: text(read), rewritten: text(written), server: { type: 'dynamic' } });
  await json('empty', '{}');
  await json('of_the_specification', '{"flash":["saved"],"user":"ann"}');
  await json('all_types', '{"a":[],"b":true,"f":false,"i":-7,"n":null,"o":{"x":"y"},"s":"text","x":1.5}');
  await json('any_white_space', ' \t\r\n{ "a" : [ 1 , 2 ] , "b" : { } } \n', '{"a":[1,2],"b":{}}');
  await json('any_order', '{"b":1,"a":{"d":2,"c":3}}', '{"a":{"c":3,"d":2},"b":1}');
  await json('order_of_bytes_not_of_utf_16', '{"\u{1f600}":1,"\uff5e":2,"z":3,"Z":4}', '{"Z":4,"z":3,"\uff5e":2,"\u{1f600}":1}');
  await json('any_escape', '{"\\u0061":"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\"\\\\\\u001F\\u007f"}', '{"a":"\u00e9\u{1f600}/\\b\\f\\n\\r\\t\\"\\\\\\u001f\u007f"}');
  await json('last_of_two_members_counts', '{"a":1,"b":2,"a":3}', '{"a":3,"b":2}');
  await json('member_named_proto', '{"__proto__":1,"constructor":2}');
  await json('integers_of_64_bits', '{"a":9223372036854775807,"b":18446744073709551615,"c":-9223372036854775808,"d":9007199254740993}');
  await json('whole_doubles_keep_their_fraction', '{"a":1.0,"b":-0.0,"c":100.0,"d":0.0}');
  await json('minus_zero_is_a_double', '{"a":-0}', '{"a":-0.0}');
  await json('whole_numbers_past_64_bits_are_doubles', '{"a":18446744073709551616,"b":-9223372036854775809}', '{"a":1.8446744073709552e+19,"b":-9.223372036854776e+18}');
  await json('doubles_without_exponent', '{"a":1.0e15,"b":0.00001,"c":123456789.125,"d":1.234567890123456e15}', '{"a":1000000000000000.0,"b":0.00001,"c":123456789.125,"d":1234567890123456.0}');
  await json('doubles_with_exponent', '{"a":10000000000000000.0,"b":0.000001,"c":1E+300,"d":5e-324,"e":1.7976931348623157e308,"f":1.2e-7}', '{"a":1e+16,"b":1e-6,"c":1e+300,"d":5e-324,"e":1.7976931348623157e+308,"f":1.2e-7}');
  await json('too_small_a_double_is_zero', '{"a":1e-400}', '{"a":0.0}');
  await json('doubles_between_two_numbers', '{"a":1844674407370650.25,"b":1844674407370649.75,"c":-999999999899999.25}', '{"a":1844674407370650.2,"b":1844674407370649.8,"c":-999999999899999.2}');
  await json('as_deep_as_may_be', `{"a":${'['.repeat(126)}${']'.repeat(126)}}`);
}

async function badValues() {
  const whole = await envelope('whole', pad(bytes(stamps(), ANN)));
  const good = toBase64url(whole);
  /** @type {(at: number, change: (byte: number) => number) => Uint8Array} */
  const changed = (at, change) => whole.map((byte, place) => (place === at ? change(byte) : byte));
  const flip = (/** @type {number} */ at) => changed(at, (byte) => byte ^ 1);

  // Row 1.
  const tooLong = pad(bytes(stamps(), visit(7, 'x'.repeat(3061 - 45 - 20 - 1 - 4))), 1);
  await refuse(1, 'too_long', 'cookie_of_4097_bytes', {
    plaintext: tooLong, seal: { cookie: 'session-of-14_' }, server: { cookie_name: 'session-of-14_' },
  });
  await refuse(1, 'too_long', 'too_long_before_it_is_malformed', { value: '!'.repeat(5000) });

  // Row 2.
  // 77 bytes are 103 characters, the last one with 2 unused bits; 76 are 102, with 4.
  const shorter = toBase64url(whole.slice(0, -1));
  const texts = {
    padding_character: `${good}=`,
    two_padding_characters: `${shorter}==`,
    alphabet_of_plain_base64_plus: `${good.slice(0, -1)}+`,
    alphabet_of_plain_base64_slash: `${good.slice(0, -1)}/`,
    space_in_front: ` ${good}`,
    space_behind: `${good} `,
    line_end_behind: `${good}\n`,
    nul_inside: `${good.slice(0, 40)}\u0000${good.slice(41)}`,
    quotes_around: `"${good}"`,
    percent_encoded: `%41${good.slice(1)}`,
    dot_of_a_jwt: `${good.slice(0, 40)}.${good.slice(41)}`,
    letter_beyond_ascii: `${good.slice(0, 40)}\u00e9${good.slice(42)}`,
    unused_bits_of_4_not_zero: next(shorter, 4),
    unused_bits_of_2_not_zero: next(good, 2),
    one_character_too_many: `${toBase64url(bytes(whole, [0]))}A`,
  };
  for (const [name, value] of Object.entries(texts)) await refuse(2, 'malformed', name, { value });

  // Row 3.
  await refuse(3, 'malformed', 'empty_value', { value: '' });
  await refuse(3, 'malformed', 'envelope_of_44_bytes', { envelope: whole.slice(0, 44) });
  await refuse(3, 'malformed', 'envelope_of_44_bytes_and_a_later_version', { envelope: changed(0, () => 2).slice(0, 44) });
  await refuse(3, 'malformed', 'three_bytes_of_another_library', { value: 'Ag8B' });

  // Row 4.
  for (const version of [0, 16, 0x80, 0xff]) {
    await refuse(4, 'malformed', `version_${version}`, { envelope: changed(0, () => version) });
  }
  for (const version of [2, 15]) {
    await refuse(4, 'unknown_version', `version_${version}`, { envelope: changed(0, () => version) });
  }
  await refuse(4, 'unknown_version', 'version_2_of_45_bytes', { envelope: changed(0, () => 2).slice(0, 45) });

  // Row 5.
  await refuse(5, 'unknown_key', 'key_that_the_ring_does_not_have', { seal: { key: KEYS.b } });
  await refuse(5, 'unknown_key', 'key_id_changed_by_a_bit', { envelope: flip(4) });
  await refuse(5, 'retired_key', 'key_at_its_open_until', { seal: { key: KEYS.b }, server: { keys: dated(0) } });
  await refuse(5, 'retired_key', 'key_retired_long_ago', { seal: { key: KEYS.b }, server: { keys: dated(-1700 * SECOND) } });
  await refuse(5, 'retired_key', 'key_revoked', {
    seal: { key: KEYS.b },
    server: { keys: { schedule: [{ key: 'b', seal_from: NOW - 3600 * SECOND, revoked: true }, { key: 'a', seal_from: NOW - 1800 * SECOND }] } },
  });

  // Row 6.
  const ofOther = await envelope('key_id_of_another_key', pad(bytes(stamps(), ANN)), { key: KEYS.b });
  const two = { keys: { seals: 'a', opens: ['b'] } };
  await refuse(6, 'forged', 'key_id_of_another_key', { envelope: ofOther.map((byte, at) => (at >= 1 && at < 5 ? KEYS.a.idBytes[at - 1] : byte)), server: two });
  await refuse(6, 'forged', 'nonce_changed_in_its_first_half', { envelope: flip(5) });
  await refuse(6, 'forged', 'nonce_changed_in_its_second_half', { envelope: flip(28) });
  await refuse(6, 'forged', 'ciphertext_changed', { envelope: flip(29) });
  await refuse(6, 'forged', 'tag_changed', { envelope: flip(whole.length - 1) });
  await refuse(6, 'forged', 'cut_short_by_a_byte', { envelope: whole.slice(0, -1) });
  await refuse(6, 'forged', 'a_byte_appended', { envelope: bytes(whole, [0]) });
  await refuse(6, 'forged', 'ciphertext_left_out', { envelope: bytes(whole.slice(0, 29), whole.slice(-16)) });
  await refuse(6, 'forged', 'other_application', { seal: { app: 'blog' } });
  await refuse(6, 'forged', 'other_cookie_name', { seal: { cookie: '__Host-other' } });
  await refuse(6, 'forged', 'cookie_name_in_another_case', { seal: { cookie: '__host-session' } });
  await refuse(6, 'forged', 'application_and_name_divided_elsewhere', { seal: { app: 'shop_', cookie: '_Host-session' } });
  await refuse(6, 'forged', 'application_in_another_normal_form', { seal: { app: 'La\u0308den' }, server: { app: 'L\u00e4den' } });
  /** @type {Record<string, Uint8Array>} */
  const associatedDatas = {
    nothing_associated: bytes(),
    associated_version_2: bytes([2], associated(APP, NAME, KEYS.a.idBytes).slice(1)),
    associated_without_key_id: bytes([1], u16(4), APP, u16(14), NAME),
    associated_lengths_little_endian: bytes([1], KEYS.a.idBytes, [4, 0], APP, [14, 0], NAME),
    associated_name_before_application: associated(NAME, APP, KEYS.a.idBytes),
    associated_without_lengths: bytes([1], KEYS.a.idBytes, APP, NAME),
  };
  for (const [name, aad] of Object.entries(associatedDatas)) await refuse(6, 'forged', name, { seal: { aad } });
  await refuse(6, 'forged', 'gcm_without_the_message_key', { envelope: plainGcm(sha256('a key that is not derived')) });
  await refuse(6, 'forged', 'gcm_under_the_key_itself', { envelope: plainGcm(SECRETS.a) });

  // Row 7.
  const body = bytes(stamps(), ANN);
  /** @type {Record<string, Uint8Array<ArrayBuffer>>} */
  const plaintexts = {
    plaintext_empty: bytes(),
    plaintext_of_zeros: new Uint8Array(32),
    marker_missing: body,
    marker_81: bytes(body, [0x81, 0, 0]),
    marker_followed_by_a_1: bytes(body, [0x80, 0, 1]),
    zeros_256: bytes(body, [0x80], new Uint8Array(256)),
    marker_alone: pad(bytes()),
    id_cut_short: pad(id(NOW).slice(0, 15)),
    renewed_missing: pad(id(NOW)),
    timeouts_missing: pad(bytes(id(NOW), [0])),
    absolute_timeout_missing: pad(bytes(id(NOW), [0, 1, 5])),
    schema_missing: pad(bytes(id(NOW), [0, 0])),
    cut_missing: pad(bytes(id(NOW), [0, 0, 0])),
    cut_cut_short: pad(bytes(id(NOW), [0, 0, 0, 0x81])),
  };
  for (const [name, plaintext] of Object.entries(plaintexts)) await refuse(7, 'invalid_payload', name, { plaintext });
  /** @type {Record<string, any>} */
  const wrongStamps = {
    id_of_version_4: { id: id(NOW, '4abc8def123456789abc') },
    id_of_version_8: { id: id(NOW, '8abc8def123456789abc') },
    id_of_the_variant_of_ncs: { id: id(NOW, '7abc0def123456789abc') },
    id_of_the_variant_of_microsoft: { id: id(NOW, '7abccdef123456789abc') },
    id_of_zeros: { id: new Uint8Array(16) },
    option_of_timeouts_2: { timeouts: bytes([2], varint(900), varint(7200)) },
    renewed_of_33_bits: { renewed: [0x80, 0x80, 0x80, 0x80, 0x10] },
    renewed_of_six_bytes: { renewed: [0x80, 0x80, 0x80, 0x80, 0x80, 0x00] },
    schema_of_33_bits: { schema: [0xff, 0xff, 0xff, 0xff, 0x1f] },
    cut_of_six_bytes: { cut: [0x80, 0x80, 0x80, 0x80, 0x80, 0x00] },
  };
  for (const [name, stamps] of Object.entries(wrongStamps)) await refuse(7, 'invalid_payload', name, { stamps });

  // Row 8.
  await refuse(8, 'not_yet_valid', 'created_a_millisecond_over_60_s_ahead', { stamps: { id: id(NOW + 60 * SECOND + 1) } });
  await refuse(8, 'not_yet_valid', 'renewed_a_millisecond_over_60_s_ahead', { stamps: { id: id(NOW - 40 * SECOND + 1), renewed: varint(100) } });
  await refuse(8, 'not_yet_valid', 'renewed_in_136_years', { stamps: { renewed: varint(2 ** 32 - 1) } });
  await refuse(8, 'not_yet_valid', 'created_at_the_end_of_time', { stamps: { id: id(2 ** 48 - 1) } });

  // Row 9.
  await refuse(9, 'idle_timeout', 'at_the_idle_deadline', { stamps: { id: id(NOW - 2000 * SECOND), renewed: varint(200) } });
  await refuse(9, 'absolute_timeout', 'at_the_absolute_deadline', { stamps: { id: id(NOW - 28_800 * SECOND), renewed: varint(28_799) } });
  await refuse(9, 'absolute_timeout', 'past_both_deadlines', { stamps: { id: id(NOW - 99_999 * SECOND) } });
  await refuse(9, 'idle_timeout', 'own_idle_timeout_shorter_than_the_policy', { stamps: { id: id(NOW - 60 * SECOND), timeouts: own(60, 7200) } });
  await refuse(9, 'absolute_timeout', 'own_absolute_timeout_shorter_than_the_policy', { stamps: { id: id(NOW - 60 * SECOND), renewed: varint(59), timeouts: own(60, 60) } });
  await refuse(9, 'idle_timeout', 'own_idle_timeout_of_0', { stamps: { timeouts: own(0, 7200) } });
  await refuse(9, 'absolute_timeout', 'own_absolute_timeout_of_0', { stamps: { timeouts: own(900, 0) } });
  await refuse(9, 'idle_timeout', 'own_idle_timeout_of_0_created_ahead', { stamps: { id: id(NOW + 30 * SECOND), timeouts: own(0, 7200) } });
  await refuse(9, 'idle_timeout', 'own_idle_timeout_cut_to_the_longest', { stamps: { id: id(NOW - 86_400 * SECOND), timeouts: own(2 ** 32 - 1, 2 ** 32 - 1) }, server: LONGER });
  await refuse(9, 'absolute_timeout', 'own_absolute_timeout_cut_to_the_longest', { stamps: { id: id(NOW - 864_000 * SECOND), renewed: varint(863_999), timeouts: own(2 ** 32 - 1, 2 ** 32 - 1) }, server: LONGER });

  // Row 10.
  await refuse(10, 'revoked', 'created_a_millisecond_before_the_cut_of_the_operator', { server: { reject_created_before: NOW + 1 } });

  // Row 11.
  await refuse(11, 'newer_schema', 'newer_schema', { stamps: { schema: varint(1) } });
  await refuse(11, 'newer_schema', 'greatest_schema', { stamps: { schema: varint(2 ** 32 - 1) } });
  await refuse(11, 'newer_schema', 'newer_schema_before_its_data_is_read', { stamps: { schema: varint(1) }, data: bytes() });
  await refuse(11, 'old_schema', 'older_schema_without_an_upgrade', { server: { schema: 1 } });
  await refuse(11, 'old_schema', 'older_schema_with_an_upgrade_from_another', { server: { schema: 2, upgrades: { 1: 'page_views' } } });

  // Row 12.
  /** @type {Record<string, Uint8Array>} */
  const datas = {
    data_empty: bytes(),
    data_cut_short: ANN.slice(0, -1),
    data_without_its_last_field: varint(7),
    data_with_a_byte_too_many: bytes(ANN, [0]),
    data_with_an_option_of_2: bytes([7, 2], text('ann')),
    data_with_a_text_that_is_not_utf_8: bytes([7, 1, 1, 0xff]),
    data_with_a_surrogate_in_utf_8: bytes([7, 1, 3, 0xed, 0xa0, 0x80]),
    data_with_a_length_of_2_to_the_60: bytes([7, 1], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], 'ann'),
    data_with_a_number_of_33_bits: bytes([0x80, 0x80, 0x80, 0x80, 0x10], [0]),
    data_with_a_number_of_six_bytes: bytes([0x87, 0x80, 0x80, 0x80, 0x80, 0x00], [0]),
  };
  for (const [name, data] of Object.entries(datas)) await refuse(12, 'invalid_payload', name, { data });
  await refuse(12, 'invalid_payload', 'older_data_of_the_newer_type', { stamps: { schema: varint(1) }, server: { schema: 2, upgrades: { 1: 'page_views' } } });
  await refuse(12, 'invalid_payload', 'data_nested_too_deep', { data: bytes(Array(64).fill(1), [0]), server: { type: 'nest' } });
  await refuse(12, 'invalid_payload', 'data_with_too_many_elements', { data: varint(4097), server: { type: 'units' } });

  /** @type {Record<string, string | Uint8Array>} */
  const jsons = {
    empty_text: '', array: '[]', string: '"a"', null: 'null', two_objects: '{}{}', text_behind: '{}x',
    comma_behind_the_last: '{"a":1,}', comma_in_an_array: '[1,]', comment: '{}//', single_quotes: "{'a':1}",
    key_without_quotes: '{a:1}', not_closed: '{"a":[1}', leading_zero: '{"a":01}', plus: '{"a":+1}',
    point_without_digits: '{"a":1.}', fraction_without_zero: '{"a":.5}', nan: '{"a":NaN}', infinity: '{"a":Infinity}',
    too_large_a_double: '{"a":1e400}', too_large_a_whole_number: `{"a":1${'0'.repeat(309)}}`,
    control_character: '{"a":"\n"}', unknown_escape: '{"a":"\\x41"}', short_escape: '{"a":"\\u41"}',
    half_a_surrogate_pair: '{"a":"\\ud83d"}', wrong_half_of_a_pair: '{"a":"\\ude00\\ud83d"}',
    byte_order_mark: '\ufeff{}', space_of_another_kind: '\u00a0{}', form_feed: '\f{}', upper_case_true: '{"a":True}',
    not_utf_8: bytes('{"a":"', [0xff], '"}'), nested_128_deep: `{"a":${'['.repeat(127)}${']'.repeat(127)}}`,
  };
  for (const [name, json] of Object.entries(jsons)) {
    await refuse(12, 'invalid_payload', `dynamic_${name}`, { data: text(json), server: { type: 'dynamic' } });
  }
  await refuse(12, 'invalid_payload', 'dynamic_without_length', { data: bytes('{}'), server: { type: 'dynamic' } });
  await refuse(12, 'invalid_payload', 'dynamic_with_a_byte_behind_the_text', { data: bytes(text('{}'), ' '), server: { type: 'dynamic' } });

  // Row 13.
  await refuse(13, 'revoked', 'revoked_by_the_application', { server: { revoked_user: 'ann' } });
}

/**
 * Another spelling of the same bytes: the unused bits of the last character are not zero.
 *
 * @param {string} text
 * @param {2 | 4} unused
 */
function next(text, unused) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(text.slice(-1));
  const canonical = last % 2 ** unused === 0 && text.length % 4 === (unused === 4 ? 2 : 3);
  if (!canonical || !fromBase64url(text)) throw new Error('this is no text to begin with');
  return text.slice(0, -1) + alphabet[last + 1];
}

/** An envelope whose cipher is AES-256-GCM with no key of the message. @param {Uint8Array} key */
function plainGcm(key) {
  const nonce = sha256('nonce of plain gcm').slice(0, 24);
  const cipher = createCipheriv('aes-256-gcm', key, nonce.slice(12));
  cipher.setAAD(associated(APP, NAME, KEYS.a.idBytes));
  const sealed = [cipher.update(pad(bytes(stamps(), ANN))), cipher.final(), cipher.getAuthTag()];
  return bytes([1], KEYS.a.idBytes, nonce, ...sealed);
}

export async function values() {
  good = [];
  bad = [];
  await goodValues();
  await badValues();
  return {
    about: 'Values of cookies (docs/format.md). `server` says what differs from the one above; a bad value has one defect, named for it, and `row` of the table "Opening, in this order" refuses it. `data` is what a writer makes of the data that was read.',
    keys: KEY_TEXTS,
    server: SERVER,
    good,
    bad,
  };
}
