// @ts-check
/** Key files: what they say, and why bad ones are refused. Their text is put together by hand. */

import { toBase64url } from '../sealed-session.mjs';
import { KEYS, KEY_TEXTS, NOW, SECOND, bytes, hex, sha256 } from './parts.mjs';

const FIRST_LINE = '# Keys of sealed-session. The last line is "# end": without it, this was cut short.';
const DAY = 24 * 3600 * SECOND;

/** @typedef {{ key: string, seal_from: number, open_until?: number, revoked?: boolean }} Dated */
/** @typedef {{ generation: number, reject_created_before?: number, keys: Dated[] }} Schedule */

/** As it is written: UTC, and a fraction only if there is one. @param {number} millis */
const date = (millis) => new Date(millis).toISOString().replace(/\.000Z$/, 'Z').replace(/(\.\d+?)0+Z$/, '$1Z');

/** The canonical text. @param {Schedule} schedule */
function written({ generation, reject_created_before, keys }) {
  const head = [FIRST_LINE, `generation = ${generation}`];
  if (reject_created_before !== undefined) head.push(`reject_created_before = ${date(reject_created_before)}`);
  const tables = keys.map(({ key, seal_from, open_until, revoked }) => [
    '', `[[key]] # ${KEYS[key].id}`, `secret = "${KEY_TEXTS[key]}"`, `seal_from = ${date(seal_from)}`,
    ...(open_until === undefined ? [] : [`open_until = ${date(open_until)}`]), ...(revoked ? ['revoked = true'] : []),
  ]);
  return [...head, ...tables.flat(), '', '# end', ''].join('\n');
}

/** @type {Schedule} */
const ONE = { generation: 1, keys: [{ key: 'a', seal_from: NOW }] };
/** @type {Schedule} */
const TWO = {
  generation: 7,
  reject_created_before: NOW - 20 * DAY,
  keys: [{ key: 'a', seal_from: NOW - 31 * DAY, open_until: NOW + DAY }, { key: 'b', seal_from: NOW }],
};
/** @type {Schedule} */
const THREE = {
  generation: 12,
  keys: [{ key: 'a', seal_from: NOW - 31 * DAY, open_until: NOW + DAY }, { key: 'b', seal_from: NOW, revoked: true }, { key: 'c', seal_from: NOW + 1500 }],
};

/** By hand: a line of its own for everything. @param {Partial<Record<string, string>>} changes */
function byHand(changes = {}) {
  const lines = {
    generation: 'generation = 7',
    before: 'reject_created_before = 2026-11-01T12:00:00Z',
    first: '[[key]]',
    secret: `secret = "${KEY_TEXTS.a}"`,
    seal_from: 'seal_from = 2026-10-21T12:00:00Z',
    open_until: 'open_until = 2026-11-22T12:00:00Z',
    revoked: 'revoked = false',
    second: '[[key]]',
    second_secret: `secret = "${KEY_TEXTS.b}"`,
    second_seal_from: 'seal_from = 2026-11-21T12:00:00Z',
    last: '',
    ...changes,
  };
  return Object.values(lines).join('\n');
}

export function keyFiles() {
  const [one, two, three] = [ONE, TWO, THREE].map(written);
  /** @type {Record<string, [string, Schedule]>} */
  const good = {
    one_key: [one, ONE],
    two_keys: [two, TWO],
    a_revoked_key_and_a_fraction: [three, THREE],
    by_hand: [byHand(), TWO],
    without_the_first_and_last_line: [two.split('\n').slice(1, -2).join('\n'), TWO],
    first_line_that_promises_nothing: [byHand({ generation: '# Keys\ngeneration = 7' }), TWO],
    no_line_end_at_the_end: [two.trimEnd(), TWO],
    blank_lines_around: [`\n \n${two}\n\t\n`, TWO],
    line_ends_of_another_system: [two.replaceAll('\n', '\r\n'), TWO],
    comments: [two.replace('generation = 7', '# ours\ngeneration = 7 # the seventh'), TWO],
    fields_in_another_order: [byHand({ secret: '', revoked: `secret = "${KEY_TEXTS.a}"` }), TWO],
    keys_in_another_order: [
      byHand({ secret: `secret = "${KEY_TEXTS.b}"`, seal_from: 'seal_from = 2026-11-21T12:00:00Z', open_until: '',
        second_secret: `secret = "${KEY_TEXTS.a}"`, second_seal_from: 'seal_from = 2026-10-21T12:00:00Z\nopen_until = 2026-11-22T12:00:00Z' }),
      TWO,
    ],
    literal_text: [byHand({ secret: `secret = '${KEY_TEXTS.a}'` }), TWO],
    inline_tables: [
      `generation = 1\nkey = [{ secret = "${KEY_TEXTS.a}", seal_from = 2026-11-21T12:00:00Z }]\n`, ONE,
    ],
    number_in_hexadecimal: [byHand({ generation: 'generation = 0x7' }), TWO],
    greatest_generation: [one.replace('= 1\n', '= 9223372036854775807\n'), /** @type {any} */ ({ ...ONE, generation: '9223372036854775807' })],
    byte_order_mark_in_front: [`\ufeff${two}`, TWO],
    generation_0: [one.replace('= 1\n', '= 0\n'), { ...ONE, generation: 0 }],
    another_offset: [byHand({ seal_from: 'seal_from = 2026-10-21T14:00:00+02:00' }), TWO],
    space_between_date_and_time: [byHand({ seal_from: 'seal_from = 2026-10-21 12:00:00Z' }), TWO],
    finer_than_a_millisecond: [byHand({ seal_from: 'seal_from = 2026-10-21T12:00:00.000999Z' }), TWO],
    ends_when_the_next_seals: [
      byHand({ open_until: 'open_until = 2026-11-21T12:00:00Z' }),
      { ...TWO, keys: [{ ...TWO.keys[0], open_until: NOW }, TWO.keys[1]] },
    ],
    date_before_1970: [
      byHand({ seal_from: 'seal_from = 1969-12-31T23:59:59Z' }),
      { ...TWO, keys: [{ ...TWO.keys[0], seal_from: -SECOND }, TWO.keys[1]] },
    ],
  };

  const lineOf = (/** @type {string} */ text, /** @type {string} */ part) => text.slice(0, text.indexOf(part)).split('\n').length;
  const placeholder = `ssk1_${toBase64url(bytes(new Uint8Array(32), sha256(bytes('ssk1_', new Uint8Array(32))).slice(0, 4)))}`;
  /** @type {Record<string, [string | Uint8Array, number, string]>} text or bytes, line, what is wrong */
  const bad = {
    empty: ['', 1, 'empty'],
    white_space_alone: [' \n\t\n', 1, 'empty'],
    not_utf_8: [bytes(byHand(), [0xff]), 11, 'not_utf_8'],
    json: [JSON.stringify({ generation: 1 }), 1, 'not_toml'],
    quotes_missing: [byHand({ secret: `secret = ${KEY_TEXTS.a}` }), 4, 'not_toml'],
    one_field_twice: [byHand({ revoked: 'seal_from = 2026-10-21T12:00:00Z' }), 7, 'not_toml'],
    cut_inside_a_line: [two.slice(0, two.lastIndexOf('seal_from') + 12), lineOf(two, two.slice(two.lastIndexOf('seal_from'))), 'not_toml'],
    cut_behind_a_whole_key: [two.slice(0, two.lastIndexOf('\n# end')), two.trimEnd().split('\n').length - 2, 'cut_short'],
    text_behind_the_last_line: [`${two}# more\n`, two.split('\n').length, 'cut_short'],
    next_line_character_behind_the_last_line: [`${two.trimEnd()}\u0085\n`, two.trimEnd().split('\n').length, 'cut_short'],
    byte_order_mark_in_front_and_cut_behind_a_whole_key: [
      `\ufeff${two.slice(0, two.lastIndexOf('\n# end'))}`, two.trimEnd().split('\n').length - 2, 'cut_short',
    ],
    unknown_field: [byHand({ before: 'reject = 2026-11-01T12:00:00Z' }), 2, 'unknown_field'],
    unknown_field_of_a_key: [byHand({ revoked: 'opens_until = 2026-11-22T12:00:00Z' }), 7, 'unknown_field'],
    generation_missing: [byHand({ generation: '' }), 1, 'missing_field'],
    secret_missing: [byHand({ secret: '' }), 3, 'missing_field'],
    seal_from_missing: [byHand({ seal_from: '' }), 3, 'missing_field'],
    generation_below_0: [byHand({ generation: 'generation = -1' }), 1, 'wrong_type'],
    generation_past_63_bits: [byHand({ generation: 'generation = 9223372036854775808' }), 1, 'wrong_type'],
    generation_in_quotes: [byHand({ generation: 'generation = "7"' }), 1, 'wrong_type'],
    secret_is_a_number: [byHand({ secret: 'secret = 7' }), 4, 'wrong_type'],
    secret_with_an_escape: [byHand({ secret: `secret = "\\u0073${KEY_TEXTS.a.slice(1)}"` }), 4, 'wrong_type'],
    revoked_is_a_number: [byHand({ revoked: 'revoked = 0' }), 7, 'wrong_type'],
    key_is_a_number: ['generation = 7\nkey = 1\n', 2, 'wrong_type'],
    list_of_numbers: ['generation = 7\nkey = [1]\n', 2, 'wrong_type'],
    date_without_zone: [byHand({ seal_from: 'seal_from = 2026-10-21T12:00:00' }), 5, 'date'],
    date_without_time: [byHand({ open_until: 'open_until = 2026-11-22' }), 6, 'date'],
    date_in_quotes: [byHand({ before: 'reject_created_before = "2026-11-01T12:00:00Z"' }), 2, 'date'],
    leap_second: [byHand({ seal_from: 'seal_from = 2026-06-30T23:59:60Z' }), 5, 'date'],
    date_before_the_year_0: [byHand({ seal_from: 'seal_from = 0000-01-01T00:00:00+01:00' }), 5, 'date'],
    secret_with_a_changed_character: [byHand({ secret: `secret = "${KEY_TEXTS.a.replace('AAEC', 'BAEC')}"` }), 4, 'key'],
    secret_cut_short: [byHand({ secret: `secret = "${KEY_TEXTS.a.slice(0, -1)}"` }), 4, 'key'],
    secret_with_a_space: [byHand({ secret: `secret = " ${KEY_TEXTS.a}"` }), 4, 'key'],
    secret_is_a_placeholder: [byHand({ secret: `secret = "${placeholder}"` }), 4, 'key'],
    one_key_twice: [byHand({ second_secret: `secret = "${KEY_TEXTS.a}"` }), 8, 'duplicate_id'],
    no_key: ['generation = 7\n', 1, 'schedule'],
    one_date_twice: [byHand({ second_seal_from: 'seal_from = 2026-10-21T12:00:00Z' }), 8, 'schedule'],
    newest_has_an_end: [byHand({ last: 'open_until = 2026-12-21T12:00:00Z\n' }), 8, 'schedule'],
    older_has_no_end: [byHand({ open_until: '' }), 3, 'schedule'],
    ends_before_the_next_seals: [byHand({ open_until: 'open_until = 2026-11-21T11:59:59.999Z' }), 3, 'schedule'],
    all_revoked: [byHand({ revoked: 'revoked = true', last: 'revoked = true\n' }), 11, 'schedule'],
  };

  const says = (/** @type {Schedule} */ { generation, reject_created_before, keys }) => ({
    generation, reject_created_before: reject_created_before ?? null,
    keys: keys.map(({ key, seal_from, open_until, revoked }) => ({ key, seal_from, open_until: open_until ?? null, revoked: revoked ?? false })),
  });
  return {
    about: 'Key files, what they say (times are milliseconds since 1970, a generation past 2^53 is a text), and the text that a writer makes of it. A bad one is a text, or bytes in hex, with the line that has the fault.',
    keys: KEY_TEXTS,
    good: Object.entries(good).map(([name, [text, schedule]]) => ({ name, text, says: says(schedule), written: written(schedule) })),
    bad: Object.entries(bad).map(([name, [text, line, error]]) => ({ name, ...(typeof text === 'string' ? { text } : { hex: hex(text) }), line, error })),
  };
}
