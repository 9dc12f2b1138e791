// @ts-check
/** Which files there are, where they stand, and what is in them. */

import { fileURLToPath } from 'node:url';
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
    'entries.json': entries(),
    'form-tokens.json': tokens(),
    'key-files.json': keyFiles(),
    'keys.json': keys(),
    'migrated-ids.json': migratedIds(),
    'values.json': await values(),
  };
  return Object.entries(contents).map(([name, content]) => ({ name, text: layOut(content) }));
}

/** JSON with one vector a line. @param {Record<string, unknown>} content */
function layOut(content) {
  const members = Object.entries(content).map(([name, value]) => {
    const lines = Array.isArray(value) && `[\n${value.map((vector) => `  ${JSON.stringify(vector)}`).join(',\n')}\n ]`;
    return ` ${JSON.stringify(name)}: ${lines || JSON.stringify(value)}`;
  });
  return `{\n${members.join(',\n')}\n}\n`;
}
