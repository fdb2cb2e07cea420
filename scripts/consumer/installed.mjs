/** Checks of the installed package without a running backend. */

import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../lib/checks.mjs';
import { filesBelow, readJson } from '../lib/files.mjs';
import { run } from '../lib/processes.mjs';

/** The files that a user of the installed package expects. */
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'LICENSE', 'docs'];

/** The packages below a node_modules folder, one level deep. */
function packagesIn(folder) {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter(entry => !entry.startsWith('.'))
    .flatMap(entry =>
      entry.startsWith('@')
        ? readdirSync(join(folder, entry)).map(inner => `${entry}/${inner}`)
        : [entry],
    );
}

/** Checks that it is a real installation, and shares Backstage with the backend. */
export function checkInstalled(folder, name) {
  const modules = join(folder, 'node_modules');
  const installed = join(modules, name);
  assert(lstatSync(installed).isDirectory(), `${name} is no folder`);
  const missing = DOCUMENTS.filter(file => !existsSync(join(installed, file)));
  assert(missing.length === 0, `lacks ${missing.join(', ')}`);
  const own = packagesIn(join(installed, 'node_modules'));
  const doubled = own.filter(dependency => dependency.startsWith('@backstage/'));
  assert(doubled.length === 0, `has its own copy of ${doubled.join(', ')}`);
  const catalog = join(modules, '@backstage', 'plugin-catalog-backend');
  assert(
    !packagesIn(join(catalog, 'node_modules')).includes('@backstage/plugin-catalog-node'),
    'the catalog plugin has its own copy of plugin-catalog-node',
  );
  const { version } = readJson(join(installed, 'package.json'));
  const beside = own.length > 0 ? `, beside the backend's own: ${own.join(', ')}` : '';
  return `${version}, ${filesBelow(installed).length} files, ${packagesIn(modules).length} packages${beside}`;
}

/** Checks that each entry point is a feature, however it is loaded. */
export async function checkLoads(folder, node) {
  const { stdout } = await run(node, ['load.mjs'], { cwd: folder });
  return stdout.trim().split('\n').join('; ');
}

/** Checks that Backstage validates the configuration with the installed schema only. */
export async function checkSchema(folder) {
  const env = {
    BACKSTAGE_URL: 'http://127.0.0.1:7007',
    BACKSTAGE_PORT: '7007',
    BACKSTAGE_TOKEN: 'hidden',
    BITBUCKET_HOST: 'bitbucket.example.com',
    BITBUCKET_API_BASE_URL: 'https://bitbucket.example.com/rest/api/1.0',
    BITBUCKET_USERNAME: 'discovery',
    BITBUCKET_PASSWORD: 'hidden',
    BITBUCKET_WEBHOOK_SECRET: 'hidden',
  };
  const { stdout, stderr } = await run(process.execPath, ['schema.js'], {
    cwd: folder,
    env,
  });
  const { events } = JSON.parse(stdout);
  assert(
    events?.modules?.bitbucketServer?.webhookSecret === 'hidden',
    `events.modules.bitbucketServer.webhookSecret is not known as a secret: ${stdout}`,
  );
  assert(stderr.includes('concurrency'), `refuses for another reason: ${stderr}`);
}
