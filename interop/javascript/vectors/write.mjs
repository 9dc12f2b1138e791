// @ts-check
/**
 * Writes the files of `tests/vectors/v1`. Only for a vector that is added: those that stand there are
 * never changed to please an implementation.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { FOLDER, files } from './files.mjs';

await mkdir(FOLDER, { recursive: true });
for (const { name, text } of await files()) await writeFile(FOLDER + name, text);
