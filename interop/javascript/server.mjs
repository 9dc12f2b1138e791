// @ts-check
/**
 * The other server of `tests/interop_servers.rs`: the pages of `examples/page_views`, in Node. Every line of
 * standard input has the keys to use from then on, as `SESSION_KEYS` has them or as a list with dates; the
 * answer says that they are in use, the first one also where the server listens. Not part of the package.
 */

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { ByteReader, ByteWriter, Key, KeyRing, Sessions, newId } from './sealed-session.mjs';

const NAME = '__Host-session';
const ATTRIBUTES = 'HttpOnly; SameSite=Lax; Secure; Path=/';
const TIMEOUTS = { idle: 1800, absolute: 28_800 };
/** Another server can still use a cookie that is refused for one of these: it stays as it is. */
const KEPT = ['unknown_version', 'newer_schema', 'not_yet_valid', 'too_many'];

/**
 * `struct Visit { page_views: u32, user: Option<String> }`
 *
 * @type {import('./sealed-session.mjs').DataFormat<{ page_views: number, user: string | undefined }>}
 */
const visit = {
  read(bytes) {
    const reader = new ByteReader(bytes);
    const data = { page_views: reader.u32(), user: reader.option(() => reader.text()) };
    reader.end();
    return data;
  },
  write({ page_views, user }) {
    const writer = new ByteWriter().u32(page_views);
    return writer.option(user, (name) => writer.text(name)).done();
  },
};

/** @type {Sessions<{ page_views: number, user: string | undefined }>} */
let sessions;

/**
 * Texts of keys, or JSON: `[{ "key": "ssk1_…", "seal_from": 1795262400000, "open_until": null }]`.
 *
 * @param {string} line
 */
async function ring(line) {
  if (!line.startsWith('[')) return KeyRing.parse(line);
  const dated = JSON.parse(line).map(async (/** @type {any} */ { key, seal_from, open_until }) => ({
    key: await Key.parse(key), sealFrom: seal_from, openUntil: open_until ?? undefined,
  }));
  return KeyRing.schedule(await Promise.all(dated));
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const loaded = await sessions.load(request.headers.cookie);
  const session = loaded.session ?? sessions.create({ page_views: 0, user: undefined });
  if (loaded.refused) response.setHeader('X-Refused', loaded.refused);
  response.setHeader('Cache-Control', 'private, no-store');
  if (pathname === '/logout') {
    response.setHeader('Set-Cookie', `${NAME}=; ${ATTRIBUTES}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`);
    response.end('signed out');
    return;
  }
  if (pathname === '/login') {
    // A new id, and no timeouts that it came with: a planted session does not become a signed-in one.
    session.id = newId(Date.now());
    session.renewed = 0;
    session.timeouts = undefined;
    session.data.user = searchParams.get('username') ?? undefined;
  } else {
    session.data.page_views += 1;
  }
  if (!KEPT.includes(loaded.refused ?? '')) {
    const value = await sessions.seal(session);
    response.setHeader('Set-Cookie', `${NAME}=${value}; ${ATTRIBUTES}; Max-Age=${TIMEOUTS.idle}`);
  }
  response.end(JSON.stringify({ id: session.id, ...session.data }));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});

for await (const line of createInterface({ input: process.stdin })) {
  sessions = new Sessions({ app: 'shop', keys: await ring(line), data: visit, timeouts: TIMEOUTS });
  if (!server.listening) await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`127.0.0.1:${address.port}`);
}
// Who started it is gone.
process.exit();
