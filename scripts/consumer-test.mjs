/**
 * Installs the packed package like a user, into backends with the published Backstage packages:
 * with npm and with Yarn, on this Node.js and on the newest LTS, of the newest release and of
 * the oldest that the documentation names. Each backend is started with a simulated Bitbucket
 * and has to discover its catalog files. Needs `npm run build` first. Checks whose requirements
 * are missing on this machine are skipped with a message.
 */

import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkInstalled, checkLoads, checkSchema } from './consumer/installed.mjs';
import { prepareNewerNodes } from './consumer/newerNodes.mjs';
import { createDatabase } from './consumer/postgres.mjs';
import {
  backendManifest,
  MODULE_KINDS,
  writeAppConfig,
  writeDiscoveringBackend,
  writeScripts,
  writeSources,
} from './consumer/project.mjs';
import { KEPT_BY_A_LOCK, OLDEST_PACKAGES, OLDEST_RELEASE } from './consumer/releases.mjs';
import { checkBackend, checkSecondCopyIsNamed } from './consumer/scenario.mjs';
import { installWithYarn, prepareYarn, writeRepository } from './consumer/yarn.mjs';
import { assert, check, skip, summarize } from './lib/checks.mjs';
import { readJson, root, writeJson } from './lib/files.mjs';
import { installWithNpm } from './lib/installs.mjs';
import { checkFreshBuild } from './lib/freshBuild.mjs';
import { packPackage } from './lib/packPackage.mjs';
import { onEnd, run } from './lib/processes.mjs';

const { name } = readJson(join(root, 'package.json'));
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'package-consumer-')));
const npmFolder = join(temporary, 'npm');
const yarnFolder = join(temporary, 'yarn');
const SQLITE_BINARY = join('node_modules', 'better-sqlite3', 'build', 'Release');
const NPM_OPTIONS = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];

/** Copies the binary of SQLite, since building it takes a minute. */
async function giveSqlite(folder, binary = join(root, SQLITE_BINARY)) {
  const target = join(folder, SQLITE_BINARY);
  rmSync(target, { recursive: true, force: true });
  cpSync(join(binary, 'better_sqlite3.node'), join(target, 'better_sqlite3.node'));
}

/** The binary of the work tree fits only the Node.js version that installed it. */
async function buildSqliteUnlessItLoads(folder) {
  try {
    await giveSqlite(folder);
    await run(
      process.execPath,
      ['-e', 'new (require("better-sqlite3"))(":memory:").close()'],
      { cwd: folder },
    );
  } catch {
    await run('npm', ['rebuild', 'better-sqlite3'], { cwd: folder, timeoutMs: 600_000 });
  }
}

/** @param manifest - of the backend, to which this package is added */
async function installBackend(folder, manifest, archive) {
  const dependencies = { ...manifest.dependencies, [name]: `file:${archive}` };
  writeJson(join(folder, 'package.json'), { ...manifest, dependencies });
  writeAppConfig(folder);
  writeSources(folder);
  writeScripts(folder);
  await installWithNpm(['install', ...NPM_OPTIONS], { cwd: folder, timeoutMs: 600_000 });
}

async function compile(folder, { module }) {
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [tsc, '-p', `tsconfig.${module}.json`], { cwd: folder });
}

/** @returns the check that its backend has stopped, where one was started */
async function checkNpm(archive) {
  const installed = await check('npm installs it into an empty backend', async () => {
    await installBackend(npmFolder, backendManifest(), archive);
    await buildSqliteUnlessItLoads(npmFolder);
    return checkInstalled(npmFolder, name);
  });
  if (!installed) {
    return undefined;
  }
  await check('require and import find each of its features', () =>
    checkLoads(npmFolder, process.execPath),
  );
  await check('its schema is found where it is installed', () => checkSchema(npmFolder));
  for (const [kind, options] of Object.entries(MODULE_KINDS)) {
    await check(`a strict backend compiles to ${kind}, libraries checked`, () =>
      compile(npmFolder, options),
    );
  }
  return checkBackend(`npm, Node.js ${process.versions.node}`, {
    cwd: npmFolder,
    args: ['dist/index.js'],
    mode: 'production',
    command: ['npx', '--no', '--', 'bitbucket-server-discovery'],
    parses: true,
  });
}

/** Checks the oldest release: installs all of its packages, compiles against them and runs. */
async function checkOldest(archive) {
  const folder = join(temporary, 'oldest');
  const title = `Backstage ${OLDEST_RELEASE}, the oldest`;
  const installed = await check(`${title}: npm installs it there`, async () => {
    await installBackend(folder, backendManifest(OLDEST_PACKAGES), archive);
    await giveSqlite(folder, join(npmFolder, SQLITE_BINARY));
    return checkInstalled(folder, name);
  });
  if (!installed) {
    return;
  }
  await check(`${title}: a strict backend compiles`, () =>
    compile(folder, MODULE_KINDS.CommonJS),
  );
  const isStopped = await checkBackend(title, {
    cwd: folder,
    args: ['dist/index.js'],
    mode: 'development',
    command: ['npx', '--no', '--', 'bitbucket-server-discovery'],
    parses: true,
  });
  await isStopped();
}

/** Checks an app whose lock file pins an old package, of which missing SCM events are the only sign. */
async function checkSecondCopy(archive) {
  const folder = join(temporary, 'second-copy');
  const title = 'a lock file that keeps an older catalog-node';
  await check(`${title}: is reported at startup, with a remedy`, async () => {
    await installBackend(folder, backendManifest(KEPT_BY_A_LOCK), archive);
    await giveSqlite(folder, join(npmFolder, SQLITE_BINARY));
    writeDiscoveringBackend(folder);
    await checkSecondCopyIsNamed({ cwd: folder, args: ['.'], mode: 'development' });
  });
  await check(`${title}: npm dedupe is the remedy`, async () => {
    const manifest = backendManifest();
    const dependencies = { ...manifest.dependencies, [name]: `file:${archive}` };
    writeJson(join(folder, 'package.json'), { ...manifest, dependencies });
    await installWithNpm(['dedupe', ...NPM_OPTIONS], { cwd: folder });
    return checkInstalled(folder, name);
  });
}

async function installInRepository(yarn, archive) {
  const { devDependencies: _none, ...rest } = backendManifest();
  writeRepository(yarnFolder, rest);
  // As in the README, except for the archive.
  const args = ['--cwd', 'packages/backend', 'add', `${name}@file:${archive}`];
  await installWithYarn(yarn, args, { cwd: yarnFolder, timeoutMs: 600_000 });
  await giveSqlite(yarnFolder, join(npmFolder, SQLITE_BINARY));
  writeDiscoveringBackend(join(yarnFolder, 'packages', 'backend'));
  writeAppConfig(yarnFolder);
  return checkInstalled(yarnFolder, name);
}

async function checkYarn(archive) {
  let yarn;
  const folder = join(temporary, 'yarn-itself');
  const had = await check('Yarn comes from the registry', async () => {
    yarn = await prepareYarn(folder);
    return yarn.version;
  });
  const title = 'Yarn adds it to a workspace (node-modules linker)';
  if (!had) {
    skip(title, 'there is no Yarn');
  } else if (await check(title, () => installInRepository(yarn, archive))) {
    const isStopped = await checkBackend(
      `Yarn ${yarn.version}, features found by themselves`,
      {
        cwd: yarnFolder,
        args: ['packages/backend', '--config', 'app-config.yaml'],
        mode: 'development',
        command: ['npx', '--no', '--', 'bitbucket-server-discovery'],
      },
    );
    await isStopped();
  }
}

async function checkNewerNode({ node, title }) {
  await check(`${title}: require and import find its features`, () =>
    checkLoads(npmFolder, node),
  );
  let database;
  const had = await check(`${title}: there is PostgreSQL for it`, async () => {
    database = await createDatabase();
  });
  if (!had) {
    return;
  }
  try {
    const isStopped = await checkBackend(`npm, ${title}, ES modules, PostgreSQL`, {
      node,
      cwd: npmFolder,
      // PostgreSQL, because better-sqlite3 12, which Backstage requires, crashes when it is
      // compiled for Node.js 24.19 or later, and a prebuilt binary is not available everywhere.
      args: [
        'dist/esm/index.js',
        ...['--config', 'app-config.yaml', '--config', 'app-config.postgres.yaml'],
      ],
      mode: 'development',
      variables: { DATABASE_URL: database.url },
      command: [node, join('node_modules', name, 'bin', 'bitbucket-server-discovery.js')],
      parses: true,
    });
    await isStopped();
  } finally {
    await database.drop();
  }
}

async function checkNewerNodes() {
  let nodes = [];
  const folder = join(temporary, 'nodes');
  await check('the newest Node.js LTS comes from the registry', async () => {
    nodes = await prepareNewerNodes(folder);
    return nodes.map(node => node.title).join(', ');
  });
  for (const node of nodes) {
    await checkNewerNode(node);
  }
}

async function checkInstallations(archive) {
  await check(`the documentation names Backstage ${OLDEST_RELEASE} as the oldest`, () => {
    const page = readFileSync(join(root, 'docs', 'compatibility.md'), 'utf8');
    const named = new RegExp(`^\\| Backstage +\\| ${OLDEST_RELEASE} `, 'm').test(page);
    assert(named, `its table of compatibility has no row for ${OLDEST_RELEASE}`);
  });
  const isStopped = await checkNpm(archive);
  if (isStopped) {
    await checkOldest(archive);
    await checkSecondCopy(archive);
    await checkYarn(archive);
    await checkNewerNodes();
    await isStopped();
  }
}

onEnd(() => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }));
let archive;
const packed = await check('the build is fresh, and packs', async () => {
  checkFreshBuild();
  archive = await packPackage(temporary);
});
if (packed) {
  await checkInstallations(archive);
}
summarize('Consumer test');
