/** Creates the archive that a release would publish. */

import { cpSync, readdirSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { assert } from './checks.mjs';
import { fingerprint, root } from './files.mjs';
import { run } from './processes.mjs';

/**
 * Packing rewrites package.json for a moment, so it happens in a copy of the work tree.
 *
 * @param folder - the folder for the copy and the archive
 * @returns the path of the archive
 */
export async function packPackage(folder) {
  const copy = join(folder, 'copy');
  cpSync(root, copy, {
    recursive: true,
    // npm's prepack uses this to verify that the build matches these sources.
    preserveTimestamps: true,
    filter: source =>
      !/^(node_modules|\.git|coverage|temp)(\/|\\|$)/.test(relative(root, source)),
  });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const before = fingerprint(copy);
  const { stderr } = await run('npm', ['pack', '--pack-destination', folder], {
    cwd: copy,
  });
  assert(fingerprint(copy) === before, 'packing does not restore the work tree');

  const warnings = stderr
    .split('\n')
    .filter(line => /warn/i.test(line) && /package\.json|license|publish/i.test(line));
  assert(warnings.length === 0, warnings.join('\n'));

  const archives = readdirSync(folder).filter(file => file.endsWith('.tgz'));
  assert(archives.length === 1, `npm pack wrote ${archives.length} archives`);
  return join(folder, archives[0]);
}
