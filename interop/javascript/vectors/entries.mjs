// @ts-check
/** Entries of ended sessions. */

import { toBase64url } from '../sealed-session.mjs';
import { NOW, SECOND, bytes, hex, id, sha256, u16 } from './parts.mjs';

export const NAMESPACE = 'shop';
const TAG = 'sealed-session v1 entry';

/** @param {number} number */
const u32 = (number) => [number >>> 24, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff];
/** @param {number} millis */
const time = (millis) => id(millis).slice(0, 6);

/** @param {string} namespace @param {string} name */
export const subjectOf = (namespace, name) => sha256(
  bytes('sealed-session v1 subject', u16(Math.min(Buffer.byteLength(namespace), 0xffff)), namespace, u16(Math.min(Buffer.byteLength(name), 0xffff)), name),
).slice(0, 16);

/** @param {Uint8Array} said */
export const entry = (said, { namespace = NAMESPACE, tag = TAG } = {}) =>
  bytes(said, sha256(bytes(tag, u16(namespace.length), namespace, said)).slice(0, 4));

const NOBODY = new Uint8Array(16);
export const ofId = (/** @type {Uint8Array} */ id, subject = NOBODY, cut = 0) => bytes([1, 1], id, subject, u32(cut));
export const ofCut = (/** @type {number} */ number, at = NOW, whose = subjectOf(NAMESPACE, 'user-17')) => bytes([1, 2], whose, u32(number), time(at));
export const ofEveryone = (/** @type {number} */ at) => bytes([1, 3], time(at));
export const ofKeep = (/** @type {number} */ seconds, /** @type {number} */ at) => bytes([1, 4], u32(seconds), time(at));

/** @param {Uint8Array} id */
const uuid = (id) => hex(id).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

export function entries() {
  const [me, subject] = [id(NOW), subjectOf(NAMESPACE, 'user-17')];
  const everyone = ofEveryone(NOW);
  const keep = ofKeep(28_800, NOW);
  const seconds = NOW / SECOND;

  /** @type {Record<string, [Uint8Array, any]>} */
  const good = {
    id_of_a_subject: [ofId(me, subject, 1), { kind: 'id', id: uuid(me), subject: hex(subject), cut: 1 }],
    id_ended_by_an_administrator: [ofId(me), { kind: 'id', id: uuid(me), cut: 0 }],
    id_with_the_greatest_cut: [ofId(me, subject, 2 ** 32 - 1), { kind: 'id', id: uuid(me), subject: hex(subject), cut: 2 ** 32 - 1 }],
    id_of_1970: [ofId(id(0)), { kind: 'id', id: uuid(id(0)), cut: 0 }],
    cut: [ofCut(seconds), { kind: 'cut', subject: hex(subject), number: seconds, time: NOW }],
    cut_of_end_all_of: [ofCut(seconds + 3600), { kind: 'cut', subject: hex(subject), number: seconds + 3600, time: NOW }],
    cut_of_2: [ofCut(2), { kind: 'cut', subject: hex(subject), number: 2, time: NOW }],
    greatest_cut: [ofCut(0xff000000), { kind: 'cut', subject: hex(subject), number: 0xff000000, time: NOW }],
    everyone: [everyone, { kind: 'everyone', time: NOW }],
    everyone_at_the_end_of_time: [ofEveryone(2 ** 48 - 1), { kind: 'everyone', time: 2 ** 48 - 1 }],
    keep: [keep, { kind: 'keep', seconds: 28_800, time: NOW }],
    keep_of_a_new_feed: [ofKeep(28_800, 0), { kind: 'keep', seconds: 28_800, time: 0 }],
  };

  const whole = entry(ofCut(seconds));
  const flip = (/** @type {number} */ at) => whole.map((byte, place) => (place === at ? byte ^ 1 : byte));
  /** @type {Record<string, [Uint8Array, string]>} */
  const bad = {
    empty: [bytes(), 'not_an_entry'],
    version_0: [entry(bytes([0], everyone.slice(1))), 'not_an_entry'],
    version_16: [entry(bytes([16], everyone.slice(1))), 'not_an_entry'],
    version_2: [entry(bytes([2], everyone.slice(1))), 'unknown_version'],
    version_15_of_one_byte: [bytes([15]), 'unknown_version'],
    version_alone: [bytes([1]), 'not_an_entry'],
    check_alone: [entry(bytes([1])), 'not_an_entry'],
    kind_0: [entry(bytes([1, 0], time(NOW))), 'not_an_entry'],
    kind_5: [entry(bytes([1, 5], time(NOW))), 'not_an_entry'],
    kind_without_body: [entry(bytes([1, 3])), 'not_an_entry'],
    cut_short_by_a_byte: [whole.slice(0, -1), 'not_an_entry'],
    a_byte_appended: [bytes(whole, [0]), 'not_an_entry'],
    a_bit_changed: [flip(20), 'not_an_entry'],
    check_changed: [flip(whole.length - 1), 'not_an_entry'],
    another_namespace: [entry(everyone, { namespace: 'blog' }), 'not_an_entry'],
    check_without_its_tag: [entry(everyone, { tag: '' }), 'not_an_entry'],
    check_of_subjects: [entry(everyone, { tag: 'sealed-session v1 subject' }), 'not_an_entry'],
    body_too_short: [entry(everyone.slice(0, -1)), 'not_an_entry'],
    body_too_long: [entry(bytes(everyone, [0])), 'not_an_entry'],
    body_of_an_id_too_long: [entry(bytes(ofId(me), [0])), 'not_an_entry'],
    id_of_version_4: [entry(ofId(id(NOW, '4abc8def123456789abc'))), 'not_an_entry'],
    id_of_another_variant: [entry(ofId(id(NOW, '7abc0def123456789abc'))), 'not_an_entry'],
    id_of_zeros: [entry(ofId(NOBODY)), 'not_an_entry'],
    cut_of_nobody: [entry(ofCut(seconds, NOW, NOBODY)), 'not_an_entry'],
    cut_of_0: [entry(ofCut(0)), 'not_an_entry'],
    cut_of_1: [entry(ofCut(1)), 'not_an_entry'],
    cut_past_the_greatest: [entry(ofCut(0xff000001)), 'number_too_large'],
    greatest_number_as_a_cut: [entry(ofCut(2 ** 32 - 1)), 'number_too_large'],
  };

  /** @type {[string, string, string][]} */
  const subjects = [
    ['plain', NAMESPACE, 'user-17'],
    ['another_namespace', 'blog', 'user-17'],
    ['divided_elsewhere', 'shopu', 'ser-17'],
    ['beyond_ascii', NAMESPACE, 'Zo\u00eb'],
    ['longer_than_65535_bytes', NAMESPACE, 'x'.repeat(65_537)],
  ];
  return {
    about: 'Entries of ended sessions, in hex, and as a line of a file. Why a bad one is none.',
    namespace: NAMESPACE,
    now: NOW,
    good: Object.entries(good).map(([name, [said, says]]) => ({ name, entry: hex(entry(said)), line: toBase64url(entry(said)), says })),
    bad: Object.entries(bad).map(([name, [bytes, error]]) => ({ name, entry: hex(bytes), error })),
    subjects: subjects.map(([name, namespace, user]) => ({
      name, namespace, user: user.length > 99 ? { repeat: user[0], times: user.length } : user, subject: hex(subjectOf(namespace, user)),
    })),
  };
}
