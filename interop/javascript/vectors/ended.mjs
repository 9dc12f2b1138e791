// @ts-check
/**
 * Values of cookies beside entries of ended sessions. `sealed-session.mjs` keeps no list of ended sessions,
 * so its tests check what a server says that remembers none; `tests/vectors.rs` checks all of it.
 */

import { KEY_TEXTS, NOW, SECOND, bytes, hex, id, pad, stamps, value, varint, visit } from './parts.mjs';
import { NAMESPACE, entry, ofCut, ofEveryone, ofId, ofKeep, subjectOf } from './entries.mjs';

const [ME, OTHER] = [id(NOW), id(NOW, '7abc8def123456789abd')];
const ANN = subjectOf(NAMESPACE, 'ann');
const KEEP = 28_800;
/** A cut as a server makes it: seconds since 1970. */
const CUT = NOW / SECOND;

/**
 * @typedef {{ ended: Uint8Array[], stamps?: any, data?: Uint8Array, server?: any, reason?: string, row?: number,
 *   otherwise?: { reason: string, row: number } }} Parts
 */

/** @type {Record<string, Parts>} */
const GOOD = {
  nothing_ended: { ended: [] },
  id_of_another_session: { ended: [ofId(OTHER)] },
  created_at_the_time_of_everyone: { ended: [ofEveryone(NOW)] },
  created_at_the_time_of_keep: { ended: [ofKeep(KEEP, NOW)] },
  everyone_a_millisecond_over_60_s_ahead: { ended: [ofEveryone(NOW + 60 * SECOND + 1)] },
  keep_a_millisecond_over_60_s_ahead: { ended: [ofKeep(KEEP, NOW + 60 * SECOND + 1)] },
  carries_the_cut_of_its_subject: { ended: [ofCut(CUT, NOW, ANN)], stamps: { cut: varint(CUT) } },
  carries_a_later_cut: { ended: [ofCut(CUT, NOW, ANN)], stamps: { cut: varint(CUT + 1) } },
  cut_of_another_subject: { ended: [ofCut(CUT, NOW, subjectOf(NAMESPACE, 'Ann'))], stamps: { cut: varint(1) } },
  cut_of_a_subject_of_another_namespace: { ended: [ofCut(CUT, NOW, subjectOf('blog', 'ann'))], stamps: { cut: varint(1) } },
  without_a_subject: { ended: [ofCut(CUT, NOW, ANN)], data: visit(7) },
};

/** @type {Record<string, Parts>} */
const BAD = {
  // Row 10.
  id_listed: { ended: [ofId(ME)], row: 10 },
  id_listed_with_its_subject: { ended: [ofId(ME, ANN, 1)], stamps: { cut: varint(1) }, row: 10 },
  id_listed_with_an_earlier_cut_than_its_own: { ended: [ofId(ME, ANN, 1)], stamps: { cut: varint(CUT) }, row: 10 },
  id_listed_among_others: { ended: [ofId(OTHER), ofId(ME), ofId(OTHER)], row: 10 },
  id_listed_and_renewed_later: { ended: [ofId(id(NOW - 900 * SECOND))], stamps: { id: id(NOW - 900 * SECOND), renewed: varint(900) }, row: 10 },
  created_a_millisecond_before_everyone: { ended: [ofEveryone(NOW + 1)], row: 10 },
  created_a_millisecond_before_the_time_of_keep: { ended: [ofKeep(KEEP, NOW + 1)], row: 10 },
  everyone_60_s_ahead: { ended: [ofEveryone(NOW + 60 * SECOND)], row: 10 },
  keep_60_s_ahead: { ended: [ofKeep(KEEP, NOW + 60 * SECOND)], row: 10 },
  later_of_two_times_of_everyone: { ended: [ofEveryone(NOW + 1), ofEveryone(NOW)], row: 10 },
  id_listed_before_its_schema_is_looked_at: {
    ended: [ofId(ME)], stamps: { schema: varint(1) }, row: 10, otherwise: { reason: 'newer_schema', row: 11 },
  },
  id_listed_before_its_data_is_read: { ended: [ofId(ME)], data: bytes(), row: 10, otherwise: { reason: 'invalid_payload', row: 12 } },
  cut_of_the_operator_before_the_id: {
    ended: [ofId(ME)], server: { reject_created_before: NOW + 1 }, reason: 'revoked', row: 10, otherwise: { reason: 'revoked', row: 10 },
  },
  // Row 13.
  cut_of_its_subject_greater_by_1: { ended: [ofCut(CUT, NOW, ANN)], stamps: { cut: varint(CUT - 1) }, row: 13 },
  least_cut_there_is: { ended: [ofCut(2, NOW, ANN)], stamps: { cut: varint(1) }, row: 13 },
  greatest_cut_there_is: { ended: [ofCut(0xff000000, NOW, ANN)], stamps: { cut: varint(0xff000000 - 1) }, row: 13 },
  sealed_where_nothing_is_remembered: { ended: [ofCut(CUT, NOW, ANN)], row: 13 },
  cut_an_hour_ahead: { ended: [ofCut(CUT + 3600, NOW, ANN)], stamps: { cut: varint(CUT) }, row: 13 },
  created_after_the_cut_and_carries_an_earlier_one: { ended: [ofCut(CUT - 900, NOW - 900 * SECOND, ANN)], stamps: { cut: varint(1) }, row: 13 },
  greater_of_two_cuts_first: { ended: [ofCut(CUT, NOW, ANN), ofCut(CUT - 1, NOW, ANN)], stamps: { cut: varint(CUT - 1) }, row: 13 },
  greater_of_two_cuts_last: { ended: [ofCut(CUT - 1, NOW, ANN), ofCut(CUT, NOW, ANN)], stamps: { cut: varint(CUT - 1) }, row: 13 },
  data_before_the_cut_of_its_subject: {
    ended: [ofCut(CUT, NOW, ANN)], data: bytes(visit(7, 'ann'), [0]), reason: 'invalid_payload', row: 12,
    otherwise: { reason: 'invalid_payload', row: 12 },
  },
  cut_of_its_subject_before_the_application_is_asked: {
    ended: [ofCut(CUT, NOW, ANN)], server: { revoked_user: 'ann' }, row: 13, otherwise: { reason: 'revoked', row: 13 },
  },
};

/** @param {[string, Parts]} vector */
async function made([name, parts]) {
  const { ended, server, data = visit(7, 'ann') } = parts;
  const text = await value(`ended ${name}`, pad(bytes(stamps(parts.stamps), data)));
  return { name, ...(server && { server }), ended: ended.map((said) => hex(entry(said))), value: text };
}

export async function ended() {
  return {
    about: 'Values of cookies beside the entries of ended sessions that a server has read, in hex. The server is that of values.json with what a vector says; the subject of a session is its user, if it has one. A bad one is refused for `reason` in `row`. `otherwise` is what a server says of it that remembers no ended sessions: null if it takes it, as it takes all good ones.',
    keys: KEY_TEXTS,
    namespace: NAMESPACE,
    keep: KEEP,
    now: NOW,
    good: await Promise.all(Object.entries(GOOD).map(made)),
    bad: await Promise.all(Object.entries(BAD).map(async (vector) => {
      const { reason = 'ended', row, otherwise = null } = vector[1];
      return { ...(await made(vector)), reason, row, otherwise };
    })),
  };
}
