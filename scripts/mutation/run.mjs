/**
 * Mutation testing: changes the code in many small ways, and counts the changes that no test
 * notices. `npm run mutation -- filters http`; without names all folders with decisions.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readJson, root } from '../lib/files.mjs';

const FOLDERS = ['discovery', 'events', 'filters', 'http'];
const MIN_SCORE = 85;

const DETECTED = ['Killed', 'Timeout'];
const MISSED = ['Survived', 'NoCoverage'];

function describe(mutants) {
  const count = statuses =>
    mutants.filter(({ status }) => statuses.includes(status)).length;
  const [detected, missed] = [count(DETECTED), count(MISSED)];
  return { score: (100 * detected) / (detected + missed || 1), detected, missed };
}

const results = (process.argv.length > 2 ? process.argv.slice(2) : FOLDERS).map(
  folder => {
    const { status } = spawnSync(
      join(root, 'node_modules', '.bin', 'stryker'),
      ['run', join(import.meta.dirname, 'stryker.config.mjs')],
      { cwd: root, env: { ...process.env, MUTATION_FOLDER: folder }, stdio: 'inherit' },
    );
    if (status !== 0) {
      throw new Error(`The tests of ${folder} could not be run.`);
    }
    const { files } = readJson(join(root, 'temp', 'mutation', `${folder}.json`));
    const mutants = Object.values(files).flatMap(file => file.mutants);
    const code = mutants.filter(({ mutatorName }) => mutatorName !== 'StringLiteral');
    return { folder, all: describe(mutants), code: describe(code) };
  },
);
for (const { folder, all, code } of results) {
  console.log(
    `Mutation score of ${folder}: ${all.score.toFixed(1)} % (${all.missed} of ` +
      `${all.detected + all.missed} missed), ${code.score.toFixed(1)} % without texts`,
  );
}
if (results.some(({ all }) => all.score < MIN_SCORE)) {
  process.exitCode = 1;
}
