/** A Backstage repository like its template: Yarn workspaces, with the node-modules linker. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Skipped } from '../lib/checks.mjs';
import { readJson, writeJson, writeText } from '../lib/files.mjs';
import { installWithNpm, installWithRetries } from '../lib/installs.mjs';
import { run } from '../lib/processes.mjs';

/** Yarn is published under this name since its second version. */
const YARN = '@yarnpkg/cli-dist@4';

/** Installs Yarn from the npm registry. */
export async function prepareYarn(folder) {
  writeJson(join(folder, 'package.json'), { name: 'yarn-itself', private: true });
  try {
    const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', YARN];
    await installWithNpm(args, { cwd: folder });
  } catch (error) {
    throw new Skipped(error.message);
  }
  const home = join(folder, 'node_modules', '@yarnpkg', 'cli-dist');
  const { version } = readJson(join(home, 'package.json'));
  return { script: join(home, 'bin', 'yarn.js'), version };
}

/** The registry that npm uses, which Yarn does not read from npm's configuration. */
async function registrySettings(folder) {
  const { stdout } = await run('npm', ['config', 'get', 'registry'], { cwd: folder });
  const registry = new URL(stdout.trim());
  return {
    YARN_NPM_REGISTRY_SERVER: registry.href,
    ...(registry.protocol === 'http:' && {
      YARN_UNSAFE_HTTP_WHITELIST: registry.hostname,
    }),
  };
}

/** Relative to the repository. */
const GLOBAL_FOLDER = '.yarn/global';

/**
 * Writes the repository; Yarn writes nothing outside `folder`. Since 4.15 Yarn ignores versions
 * younger than a day, and those without an age in the registry, while the manifest names
 * versions that npm has just installed.
 */
export function writeRepository(folder, backendManifest) {
  writeJson(join(folder, 'package.json'), {
    name: 'root',
    version: '1.0.0',
    private: true,
    workspaces: ['packages/*'],
  });
  writeJson(join(folder, 'packages', 'backend', 'package.json'), backendManifest);
  writeText(
    join(folder, '.yarnrc.yml'),
    `nodeLinker: node-modules
enableScripts: false
enableTelemetry: false
enableImmutableInstalls: false
enableGlobalCache: false
globalFolder: ./${GLOBAL_FOLDER}
npmMinimalAgeGate: 0
compressionLevel: 0
`,
  );
}

/** Runs a Yarn command that installs, in the repository. */
export async function installWithYarn({ script }, args, { cwd, ...options }) {
  const env = await registrySettings(cwd);
  return installWithRetries(({ afresh }) => {
    if (afresh) {
      // The registry's documents; downloaded packages stay.
      const metadata = join(cwd, GLOBAL_FOLDER, 'metadata');
      rmSync(metadata, { recursive: true, force: true });
    }
    return run(process.execPath, [script, ...args], { ...options, cwd, env });
  });
}
