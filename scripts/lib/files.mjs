/** File functions for the checks of the published package. */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** The work tree. */
export const root = resolve(import.meta.dirname, '..', '..');

export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Writes a file and its parent folders. */
export function writeText(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

export function writeJson(file, value) {
  writeText(file, JSON.stringify(value, null, 2));
}

/** Files below a folder, with forward slashes, without links. */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)))
    .filter(file => !file.split(sep).includes('node_modules'))
    .map(file => file.split(sep).join('/'))
    .sort();
}

/** Returns a value that differs between two states of a folder. */
export function fingerprint(folder) {
  return filesBelow(folder)
    .map(file => {
      const content = readFileSync(join(folder, file));
      return `${createHash('sha256').update(content).digest('hex')}  ${file}`;
    })
    .join('\n');
}
