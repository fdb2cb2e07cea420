/** Updates the tables of the guide; `npm run docs`. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withTables } from './documentedTables';

const ROOT = path.resolve(__dirname, '..');

const inDocs = readdirSync(path.join(ROOT, 'docs'))
  .filter(name => name.endsWith('.md'))
  .map(name => path.join('docs', name));
for (const file of ['README.md', ...inDocs]) {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const written = withTables(text);
  if (written !== text) {
    writeFileSync(path.join(ROOT, file), written);
    process.stdout.write(`${file}: tables written\n`);
  }
}
