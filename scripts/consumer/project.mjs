/** The files that a user of the package writes for a backend, as texts. */

import { join } from 'node:path';
import { readJson, root, writeJson, writeText } from '../lib/files.mjs';

const manifest = readJson(join(root, 'package.json'));
const { name } = manifest;

/** The version range of this project itself, or the exact version for native packages. */
const declared = { ...manifest.devDependencies, ...manifest.dependencies };
const installedVersion = packageName =>
  readJson(join(root, 'node_modules', packageName, 'package.json')).version;

/**
 * The packages of a Backstage backend without this package.
 *
 * @param versions - replace or extend the versions of this project
 */
export function backendManifest(versions = {}) {
  const packages = { ...declared, ...versions };
  const dependencies = Object.fromEntries(
    [
      '@backstage/backend-defaults',
      '@backstage/backend-plugin-api',
      '@backstage/plugin-catalog-backend',
      '@backstage/plugin-catalog-node',
      '@backstage/plugin-events-backend',
    ].map(packageName => [packageName, packages[packageName]]),
  );
  return {
    name: 'backend',
    version: '0.0.0',
    private: true,
    main: 'dist/index.js',
    backstage: { role: 'backend' },
    // Backstage needs it only for SQLite. The version is the one that is already built.
    dependencies: {
      ...dependencies,
      ...versions,
      'better-sqlite3': installedVersion('better-sqlite3'),
    },
    devDependencies: {
      '@types/node': declared['@types/node'],
      typescript: declared.typescript,
    },
  };
}

const INDEX = `import { createBackend } from '@backstage/backend-defaults';

const backend = createBackend();
backend.add(import('@backstage/plugin-catalog-backend'));
backend.add(import('@backstage/plugin-events-backend'));
backend.add(import('${name}'));
backend.add(import('${name}/events'));
backend.add(import('./locationParser.js'));
backend.start();
`;

/** Uses the named exports of the package. */
const LOCATION_PARSER = `import { createBackendModule, type BackendFeature } from '@backstage/backend-plugin-api';
import { locationSpecToLocationEntity } from '@backstage/plugin-catalog-node';
import feature, {
  bitbucketServerEntityProviderExtensionPoint,
  type BitbucketServerClient,
  type BitbucketServerEntityProvider,
  type BitbucketServerLocationParser,
} from '${name}';
import eventsFeature from '${name}/events';

// Types that were not found are \`any\` and would accept everything.
type IsAny<T> = 0 extends 1 & T ? true : false;
export const found: [
  IsAny<typeof feature>,
  IsAny<typeof eventsFeature>,
  IsAny<BitbucketServerClient>,
  IsAny<BitbucketServerEntityProvider>,
  IsAny<BitbucketServerLocationParser>,
] = [false, false, false, false, false];
export const features: BackendFeature[] = [feature, eventsFeature];

const parser: BitbucketServerLocationParser = async function* parse({ location, repository }) {
  const entity = locationSpecToLocationEntity({ location });
  const labels = { 'parsed-for': repository.project.key };
  yield { ...entity, metadata: { ...entity.metadata, labels } };
};

export default createBackendModule({
  pluginId: 'catalog',
  moduleId: 'location-parser',
  register(env) {
    env.registerInit({
      deps: { bitbucketServer: bitbucketServerEntityProviderExtensionPoint },
      async init({ bitbucketServer }) {
        bitbucketServer.setLocationParser(parser);
      },
    });
  },
});
`;

/** The kinds of JavaScript a backend may be compiled to, each with its compiler options. */
export const MODULE_KINDS = {
  CommonJS: { module: 'CommonJS', moduleResolution: 'node10', outDir: 'dist' },
  'ES modules': { module: 'ESNext', moduleResolution: 'bundler', outDir: 'dist/esm' },
};

/** Writes a backend in TypeScript that names each feature. */
export function writeSources(folder) {
  writeText(join(folder, 'src', 'index.ts'), INDEX);
  writeText(join(folder, 'src', 'locationParser.ts'), LOCATION_PARSER);
  writeJson(join(folder, 'dist', 'esm', 'package.json'), { type: 'module' });
  for (const options of Object.values(MODULE_KINDS)) {
    writeJson(join(folder, `tsconfig.${options.module}.json`), {
      include: ['src'],
      compilerOptions: {
        ...options,
        rootDir: 'src',
        target: 'ES2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        esModuleInterop: true,
        types: ['node'],
      },
    });
  }
}

/** Writes a backend in JavaScript that finds its features in its package.json. */
export function writeDiscoveringBackend(folder) {
  writeText(
    join(folder, 'dist', 'index.js'),
    `const { createBackend, discoveryFeatureLoader } = require('@backstage/backend-defaults');

const backend = createBackend();
backend.add(discoveryFeatureLoader);
backend.add(import('${name}/events'));
backend.start();
`,
  );
}

const APP_CONFIG = `app:
  baseUrl: \${BACKSTAGE_URL}
backend:
  packages: all
  baseUrl: \${BACKSTAGE_URL}
  listen:
    host: 127.0.0.1
    port: \${BACKSTAGE_PORT}
  database:
    client: better-sqlite3
    connection: ':memory:'
  auth:
    externalAccess:
      - type: static
        options:
          token: \${BACKSTAGE_TOKEN}
          subject: consumer-test
integrations:
  bitbucketServer:
    - host: \${BITBUCKET_HOST}
      apiBaseUrl: \${BITBUCKET_API_BASE_URL}
      username: \${BITBUCKET_USERNAME}
      password: \${BITBUCKET_PASSWORD}
events:
  modules:
    bitbucketServer:
      webhookSecret: \${BITBUCKET_WEBHOOK_SECRET}
catalog:
  providers:
    bitbucketServer:
      host: \${BITBUCKET_HOST}
`;

/** Additional configuration: PostgreSQL, as in production. */
const APP_CONFIG_POSTGRES = `backend:
  database:
    client: pg
    connection: \${DATABASE_URL}
    pluginDivisionMode: schema
`;

export function writeAppConfig(folder) {
  writeText(join(folder, 'app-config.yaml'), APP_CONFIG);
  writeText(join(folder, 'app-config.postgres.yaml'), APP_CONFIG_POSTGRES);
}

/** Reads the installed schemas like Backstage, and applies them to this app-config.yaml. */
const SCHEMA = `const { ConfigSources, loadConfigSchema } = require('@backstage/config-loader');

async function main() {
  const schema = await loadConfigSchema({ dependencies: ['${name}'] });
  const source = ConfigSources.default({ argv: [], watch: false });
  const config = (await ConfigSources.toConfig(source)).get();
  const process = data => schema.process([{ data, context: 'app-config.yaml' }], { visibility: ['secret'] });
  console.log(JSON.stringify(process(config)[0].data));
  config.catalog.providers.bitbucketServer.concurrency = 'many';
  try {
    process(config);
  } catch (error) {
    console.error(error.message);
    return;
  }
  throw new Error('The schema accepts a wrong type.');
}

main();
`;

const LOAD = `import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
for (const [path, pluginId] of [['', 'catalog'], ['/events', 'events']]) {
  const required = require('${name}' + path);
  const imported = await import('${name}' + path);
  // Node.js passes a CommonJS module unchanged, which Backstage expects.
  const [registration] = imported.default.default.getRegistrations();
  if (required.default !== imported.default.default || registration.pluginId !== pluginId) {
    throw new Error(path + ' is another feature');
  }
  const missing = Object.keys(required).filter(key => !(key in imported));
  if (missing.length > 0) {
    throw new Error('import does not find ' + missing.join(', '));
  }
  console.log([...Object.keys(required)].join(', '));
}
if (require('${name}/package.json').name !== '${name}') {
  throw new Error('package.json cannot be read');
}
`;

/** Writes the scripts that check the installed package without a backend. */
export function writeScripts(folder) {
  writeText(join(folder, 'schema.js'), SCHEMA);
  writeText(join(folder, 'load.mjs'), LOAD);
}
