/** Installs the newest Node.js LTS release, and the line after it, by npm. */

import { join } from 'node:path';
import { Skipped } from '../lib/checks.mjs';
import { writeJson } from '../lib/files.mjs';
import { installWithNpm } from '../lib/installs.mjs';
import { run } from '../lib/processes.mjs';

const WINDOWS = process.platform === 'win32';
const PACKAGE = `node-${WINDOWS ? 'win' : process.platform}-${process.arch}`;
/** An even line becomes LTS half a year after its start: the newest one may not be LTS yet. */
const LINES_TRIED = 2;

const major = version => Number(version.split('.')[0]);

function newestFirst(one, other) {
  const [a, b] = [one, other].map(version => version.split('.').map(Number));
  const at = a.findIndex((part, index) => part !== b[index]);
  return at < 0 ? 0 : b[at] - a[at];
}

/** The newest version of each even line, newest first. */
async function newestOfLines(folder) {
  const view = ['view', PACKAGE, 'versions', '--json'];
  const { stdout } = await run('npm', view, { cwd: folder });
  const versions = [JSON.parse(stdout)]
    .flat()
    .filter(version => /^\d+\.\d+\.\d+$/.test(version) && major(version) % 2 === 0)
    .sort(newestFirst);
  const isNewest = (version, index) =>
    versions.findIndex(other => major(other) === major(version)) === index;
  return versions.filter(isNewest).slice(0, LINES_TRIED);
}

async function install(folder, version) {
  const own = join(folder, version);
  writeJson(join(own, 'package.json'), { name: 'node-itself', private: true });
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await installWithNpm(['install', ...options, `${PACKAGE}@${version}`], { cwd: own });
  const bin = join(own, 'node_modules', PACKAGE, 'bin');
  const node = join(bin, WINDOWS ? 'node.exe' : 'node');
  // The program itself reports whether its line is LTS.
  const { stdout } = await run(node, ['-p', 'process.release.lts ?? ""']);
  const lts = stdout.trim();
  return {
    node,
    lts,
    title: `Node.js ${version} (${lts ? `LTS ${lts}` : 'not LTS yet'})`,
  };
}

/**
 * Returns the lines from the newest even one down to the newest LTS, without the current line.
 * Skips where they are not available.
 */
export async function prepareNewerNodes(folder) {
  writeJson(join(folder, 'package.json'), { name: 'nodes', private: true });
  const prepared = [];
  try {
    for (const version of await newestOfLines(folder)) {
      if (major(version) <= major(process.versions.node)) {
        break;
      }
      const node = await install(folder, version);
      prepared.push(node);
      if (node.lts) {
        break;
      }
    }
  } catch (error) {
    throw new Skipped(error.message);
  }
  if (prepared.length === 0) {
    throw new Skipped(`this Node.js, ${process.version}, is already of the newest line`);
  }
  return prepared;
}
