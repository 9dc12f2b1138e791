// @ts-check
/** What a vector says of a server → that server. */

import { Key, KeyRing, Sessions } from '../sealed-session.mjs';
import { TYPES } from './parts.mjs';

/** @param {Record<string, string>} texts @param {any} spec */
export async function ring(texts, spec) {
  const key = (/** @type {string} */ name) => Key.parse(texts[name]);
  if (!spec.schedule) return KeyRing.of(await key(spec.seals), ...(await Promise.all((spec.opens ?? []).map(key))));
  const dated = spec.schedule.map(async (/** @type {any} */ dated) => ({
    key: await key(dated.key), sealFrom: dated.seal_from, openUntil: dated.open_until, revoked: dated.revoked,
  }));
  return KeyRing.schedule(await Promise.all(dated));
}

/** @param {Record<string, string>} texts @param {any} server whole */
export async function sessions(texts, server, more = {}) {
  const upgrades = Object.entries(server.upgrades).map(([schema, type]) => [schema, TYPES[type].read]);
  return new Sessions({
    app: server.app,
    cookieName: server.cookie_name,
    keys: await ring(texts, server.keys),
    data: TYPES[server.type],
    schema: server.schema,
    upgrades: Object.fromEntries(upgrades),
    timeouts: server.timeouts,
    longestTimeouts: server.longest_timeouts,
    rejectCreatedBefore: server.reject_created_before,
    ...(server.revoked_user && { revoked: ({ data }) => data.user === server.revoked_user }),
    ...more,
  });
}
