// @ts-check
/** Which files there are, where they stand, and what is in them. */

import { fileURLToPath } from 'node:url';
import { ended } from './ended.mjs';
import { entries } from './entries.mjs';
import { headers } from './headers.mjs';
import { keyFiles } from './key-files.mjs';
import { keys } from './keys.mjs';
import { migratedIds } from './migrated-ids.mjs';
import { tokens } from './tokens.mjs';
import { values } from './values.mjs';

export const FOLDER = fileURLToPath(new URL('../../../tests/vectors/v1/', import.meta.url));

/** Every file's name and text, always the same. */
export async function files() {
  const contents = {
    'cookie-headers.json': await headers(),
    'ended.json': await ended(),
    'entries.json': entries(),
    'form-tokens.json': tokens(),
    'key-files.json': keyFiles(),
    'keys.json': keys(),
    'migrated-ids.json': migratedIds(),
    'values.json': await values(),
  };
  return Object.entries(contents).map(([name, content]) => ({ name, text: layOut(content) }));
}

/** What no editor shows is escaped. @param {unknown} value */
const json = (value) =>
  JSON.stringify(value).replace(/[\u0085\u00a0\ufeff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** JSON with one vector a line. @param {Record<string, unknown>} content */
function layOut(content) {
  const members = Object.entries(content).map(([name, value]) => {
    const lines = Array.isArray(value) && `[\n${value.map((vector) => `  ${json(vector)}`).join(',\n')}\n ]`;
    return ` ${json(name)}: ${lines || json(value)}`;
  });
  return `{\n${members.join(',\n')}\n}\n`;
}
