/**
 * Installs the packed package as a stranger does, into backends made of the published
 * Backstage packages: with npm and with Yarn, on this Node.js and on the newest LTS. Each
 * backend is started beside a simulated Bitbucket and has to discover what is there.
 * Needs `npm run build` first. What cannot be had on this machine is skipped aloud.
 */

import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
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
import { checkBackend } from './consumer/scenario.mjs';
import { prepareYarn, runYarn, writeRepository } from './consumer/yarn.mjs';
import { check, skip, summarize } from './lib/checks.mjs';
import { readJson, root, writeJson } from './lib/files.mjs';
import { checkFreshBuild, packPackage } from './lib/packPackage.mjs';
import { onEnd, run } from './lib/processes.mjs';

const { name } = readJson(join(root, 'package.json'));
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'package-consumer-')));
const npmFolder = join(temporary, 'npm');
const yarnFolder = join(temporary, 'yarn');
const SQLITE_BINARY = join('node_modules', 'better-sqlite3', 'build', 'Release');
const manifest = backendManifest();

/** Building SQLite takes a minute, so its binary comes from elsewhere. */
async function giveSqlite(folder, binary = join(root, SQLITE_BINARY)) {
  const target = join(folder, SQLITE_BINARY);
  rmSync(target, { recursive: true, force: true });
  cpSync(join(binary, 'better_sqlite3.node'), join(target, 'better_sqlite3.node'));
}

/** The work tree's binary is for the Node.js that installed it. */
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

async function installWithNpm(archive) {
  const dependencies = { ...manifest.dependencies, [name]: `file:${archive}` };
  writeJson(join(npmFolder, 'package.json'), { ...manifest, dependencies });
  writeAppConfig(npmFolder);
  writeSources(npmFolder);
  writeScripts(npmFolder);
  await run(
    'npm',
    ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'],
    { cwd: npmFolder, timeoutMs: 600_000 },
  );
  await buildSqliteUnlessItLoads(npmFolder);
  return checkInstalled(npmFolder, name);
}

async function compile({ module }) {
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [tsc, '-p', `tsconfig.${module}.json`], { cwd: npmFolder });
}

/** @returns the check of whether its backend has stopped, where there is one */
async function checkNpm(archive) {
  const title = 'npm installs it into an empty backend';
  if (!(await check(title, () => installWithNpm(archive)))) {
    return undefined;
  }
  await check('require and import find each of its features', () =>
    checkLoads(npmFolder, process.execPath),
  );
  await check('its schema is found where it is installed', () => checkSchema(npmFolder));
  for (const [kind, options] of Object.entries(MODULE_KINDS)) {
    await check(`a strict backend compiles to ${kind}, libraries checked`, () =>
      compile(options),
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

async function installWithYarn(yarn, archive) {
  const { devDependencies: _none, ...rest } = manifest;
  writeRepository(yarnFolder, rest);
  // As the README has it, but for the archive.
  const args = ['--cwd', 'packages/backend', 'add', `${name}@file:${archive}`];
  await runYarn(yarn, args, { cwd: yarnFolder, timeoutMs: 600_000 });
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
  } else if (await check(title, () => installWithYarn(yarn, archive))) {
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
      // better-sqlite3 12, which Backstage asks for, crashes when it is built for Node.js
      // 24.19 or later; a binary of before is not to be had everywhere.
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
  const isStopped = await checkNpm(archive);
  if (isStopped) {
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
