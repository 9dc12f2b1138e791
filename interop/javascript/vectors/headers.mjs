// @ts-check
/** `Cookie` headers of whole requests. */

import { KEYS, KEY_TEXTS, NAME, NOW, SECOND, bytes, id, pad, stamps, value, varint, visit } from './parts.mjs';

const ANN_ID = '01a1fdfa-4600-7abc-8def-123456789abc';
const LIMIT = 65_536;

export async function headers() {
  const seal = (/** @type {string} */ name, /** @type {any} */ parts, data = visit(7, 'ann'), /** @type {any} */ how = {}) =>
    value(`header ${name}`, pad(bytes(stamps(parts), data)), how);
  const ann = await seal('ann', {});
  const later = await seal('later', { id: id(NOW - 9 * SECOND), renewed: varint(9) }, visit(8, 'ann'));
  const earlier = await seal('earlier', { id: id(NOW - 9 * SECOND) });
  const same = await seal('same', { id: id(NOW - 9 * SECOND) }, visit(9, 'ann'));
  const mallory = await seal('mallory', { id: id(NOW - SECOND) }, visit(1, 'mallory'));
  const forged = await seal('forged', {}, visit(1, 'mallory'), { app: 'blog' });
  const unknown = await seal('unknown', {}, visit(1, 'mallory'), { key: KEYS.b });
  const newer = await seal('newer', { schema: varint(1) });
  const older = await seal('older', { id: id(NOW - 1800 * SECOND) });
  const ahead = await seal('ahead', { id: id(NOW + 61 * SECOND) });

  const p = (/** @type {string} */ value) => `${NAME}=${value}`;
  const times = (/** @type {number} */ count, /** @type {string} */ value) => Array(count).fill(p(value)).join('; ');
  const idOf = (/** @type {number} */ millis) => `${millis.toString(16).padStart(12, '0').replace(/^(.{8})/, '$1-')}-7abc-8def-123456789abc`;
  const hit = { id: ANN_ID, page_views: 7 };
  const x = (/** @type {number} */ count) => ({ repeat: 'x', times: count });

  /** @type {[string, any[], any][]} each header is a text, or a list of texts and repeated texts */
  const requests = [
    // One cookie of our name, and what stands around it.
    ['no_header', [], null],
    ['empty_header', [''], null],
    ['other_cookies_only', ['a=1; b=2'], null],
    ['alone', [p(ann)], hit],
    ['among_others', [`a=1; ${p(ann)}; b=2`], hit],
    ['without_spaces', [`a=1;${p(ann)};b=2`], hit],
    ['tab_in_front', [`a=1;\t ${p(ann)}`], hit],
    ['nameless_and_empty_pairs', [`=v; ;;; a; ${p(ann)}; `], hit],
    ['neighbour_that_is_not_utf_8', [`a=\u00ff\u00fe; ${p(ann)}; \u00c3`], hit],
    ['several_headers', ['a=1', p(ann), 'b=2'], hit],
    ['name_in_another_case', [`${NAME.toUpperCase()}=${ann}`], null],
    ['name_with_something_in_front', [`x${p(ann)}`], null],
    ['name_inside_a_value', [`a=${p(ann)}`], null],
    ['space_before_the_equals', [`${NAME} =${ann}`], null],
    ['comma_is_no_separator', [`a=1, ${p(ann)}`], null],
    ['name_without_equals', [NAME], null],
    ['empty_value', [p('')], 'malformed'],
    ['space_behind_the_value', [`${p(ann)} ; a=1`], 'malformed'],
    ['quotes_around_the_value', [p(`"${ann}"`)], 'malformed'],
    ['percent_in_the_value', [p(ann.replace(/^A/, '%41'))], 'malformed'],
    // Several of our name.
    ['forged_one_in_front', [`${p(forged)}; ${p(ann)}`], hit],
    ['forged_one_behind', [`${p(ann)}; ${p(forged)}`], hit],
    ['forged_one_in_another_header', [p(forged), p(ann)], hit],
    ['kept_one_in_front', [`${p(newer)}; ${p(ann)}`], hit],
    ['the_same_one_twice', [`${p(ann)}; ${p(ann)}`], hit],
    ['one_id_earlier_renewal_first', [`${p(earlier)}; ${p(later)}`], { id: idOf(NOW - 9 * SECOND), page_views: 8 }],
    ['one_id_later_renewal_first', [`${p(later)}; ${p(earlier)}`], { id: idOf(NOW - 9 * SECOND), page_views: 8 }],
    ['one_id_and_renewal_the_first_counts', [`${p(earlier)}; ${p(same)}`], { id: idOf(NOW - 9 * SECOND), page_views: 7 }],
    ['one_id_and_renewal_the_first_counts_the_other_way', [`${p(same)}; ${p(earlier)}`], { id: idOf(NOW - 9 * SECOND), page_views: 9 }],
    ['two_ids', [`${p(ann)}; ${p(mallory)}`], 'ambiguous'],
    ['two_ids_and_the_first_again', [`${p(ann)}; ${p(mallory)}; ${p(ann)}`], 'ambiguous'],
    ['two_ids_one_of_them_timed_out', [`${p(ann)}; ${p(older)}`], hit],
    ['twenty_malformed_ones_in_front', [`${times(20, 'junk')}; ${p(ann)}`], hit],
    ['twenty_of_an_unknown_key_in_front', [`${times(20, unknown)}; ${p(ann)}`], hit],
    ['the_sixteenth_whose_key_opens', [`${times(15, forged)}; ${p(ann)}`], hit],
    ['seventeen_whose_key_opens_ours_last', [`${times(16, forged)}; ${p(ann)}`], 'too_many'],
    ['seventeen_whose_key_opens_ours_first', [`${p(ann)}; ${times(16, forged)}`], 'too_many'],
    ['seventeen_and_two_ids', [`${p(ann)}; ${p(mallory)}; ${times(15, forged)}`], 'too_many'],
    ['seventeen_in_several_headers', [times(8, forged), times(8, forged), p(ann)], 'too_many'],
    // Which of several refusals is told.
    ['later_row_is_told', [`${p('junk')}; ${p(forged)}; ${p(older)}; ${p(unknown)}`], 'idle_timeout'],
    ['kept_one_is_told_before_a_later_row', [`${p(older)}; ${p(ahead)}; ${p(forged)}`], 'not_yet_valid'],
    ['of_two_kept_ones_the_later_row_is_told', [`${p(ahead)}; ${p(newer)}`], 'newer_schema'],
    // Where reading ends: 65,536 bytes of all headers together.
    ['ends_at_the_limit', [['a=', x(LIMIT - 4 - p(ann).length), `; ${p(ann)}`]], hit],
    ['ends_a_byte_past_the_limit', [['a=', x(LIMIT - 3 - p(ann).length), `; ${p(ann)}`]], null],
    ['semicolon_past_the_limit', [['a=', x(LIMIT - 4 - p(ann).length), `; ${p(ann)};`]], null],
    ['header_past_the_limit', [['a=', x(LIMIT - 2)], p(ann)], null],
    ['empty_header_at_the_limit', [['a=', x(LIMIT - 2)], '', p(ann)], null],
    ['ours_before_the_limit', [[`${p(ann)}; a=`, x(LIMIT)]], hit],
    ['other_past_the_limit', [p(ann), ['a=', x(LIMIT)], p(mallory)], hit],
  ];
  const of = (/** @type {any} */ outcome) => (typeof outcome === 'string' ? { refused: outcome } : { session: outcome });
  return {
    about: 'Cookie headers of a request, and what they bring: a session, a refusal, or neither. The characters of a header are its bytes; a list is one header whose parts are joined, a part may be repeated. The server is that of values.json.',
    keys: KEY_TEXTS,
    now: NOW,
    requests: requests.map(([name, headers, outcome]) => ({ name, headers, ...of(outcome) })),
  };
}

