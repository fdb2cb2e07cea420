/**
 * Packs the package like a release and uses it like a user: checks its content, whether it
 * loads with only its declared dependencies, whether it compiles, and whether its
 * configuration schema accepts the documented examples. Needs `npm run build` first.
 *
 * Packing rewrites package.json for a moment, so it happens in a copy of the work tree.
 */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { loadConfigSchema } from '@backstage/config-loader';
import ts from 'typescript';
import { parse } from 'yaml';
import { assert, check, summarize } from './lib/checks.mjs';
import { filesBelow, readJson, root, writeJson } from './lib/files.mjs';
import { installWithNpm } from './lib/installs.mjs';
import { checkFreshBuild } from './lib/freshBuild.mjs';
import { packPackage } from './lib/packPackage.mjs';
import { onEnd, run } from './lib/processes.mjs';

const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'package-smoke-')));
const consumer = join(temporary, 'consumer');
const { name } = readJson(join(root, 'package.json'));
const installed = join(consumer, 'node_modules', name);

/** The consumer's other packages. */
const CONSUMER_PACKAGES = [
  '@backstage/backend-defaults',
  '@backstage/backend-plugin-api',
  '@types/node',
];
const REQUIRED_FILES = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'];
const FORBIDDEN_FILES =
  /^(src|test|dev|bench|scripts|coverage|temp)\/|^\.|\.test\.|__testUtils__|\.tgz$|^app-config\.local/;

/** Packs the package and unpacks it into a consumer's `node_modules`. */
async function pack() {
  const archive = await packPackage(temporary);
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', basename(archive), '-C', installed, '--strip-components=1'], {
    cwd: temporary,
  });
  const { size } = statSync(archive);
  return `${filesBelow(installed).length} files, ${Math.ceil(size / 1024)} kB`;
}

function checkFiles() {
  const files = filesBelow(installed);
  const migrations = existsSync(join(root, 'migrations'))
    ? filesBelow(join(root, 'migrations')).map(file => `migrations/${file}`)
    : [];
  const missing = [
    ...REQUIRED_FILES,
    'dist/index.cjs.js',
    'dist/index.d.ts',
    readJson(join(installed, 'package.json')).configSchema,
    ...migrations,
  ].filter(file => !files.includes(file));
  assert(missing.length === 0, `missing: ${missing.join(', ')}`);
  const surplus = files.filter(file => FORBIDDEN_FILES.test(file));
  assert(surplus.length === 0, `does not belong in it: ${surplus.join(', ')}`);
}

/** Every string of a JSON value. */
function collectStrings(value) {
  return typeof value === 'object' && value !== null
    ? Object.values(value).flatMap(collectStrings)
    : [String(value)];
}

function checkManifest() {
  const source = readJson(join(root, 'package.json'));
  const packed = readJson(join(installed, 'package.json'));
  const { main, types, exports, typesVersions, bin, backstage } = packed;
  const paths = [
    main,
    types,
    ...collectStrings([exports, typesVersions ?? {}, bin ?? {}]),
  ]
    .map(String)
    .filter(path => path !== '@backstage/BackendFeature');
  const dangling = paths.filter(path => !existsSync(join(installed, path)));
  assert(dangling.length === 0, `names missing files: ${dangling.join(', ')}`);
  assert(
    Object.keys(exports).join() === Object.keys(source.exports).join(),
    `exports ${Object.keys(exports).join()} instead of ${Object.keys(source.exports).join()}`,
  );
  assert(
    backstage.features?.['.'] === '@backstage/BackendFeature',
    'backstage.features does not name the feature',
  );
  assert(packed.license === 'Apache-2.0', `license is ${packed.license}`);
  const licence = readFileSync(join(installed, 'LICENSE'), 'utf8');
  assert(/Apache License\s+Version 2\.0/.test(licence), 'LICENSE is another licence');
}

/** The modules that a packed file imports: code is CommonJS, declarations are not. */
function findSpecifiers(file) {
  const text = readFileSync(join(installed, file), 'utf8');
  return file.endsWith('.d.ts')
    ? ts.preProcessFile(text).importedFiles.map(found => found.fileName)
    : [...text.matchAll(/(?<![.\w$])(?:require|import)\(['"]([^'"]+)['"]\)/g)].map(
        ([, specifier]) => specifier,
      );
}

/** The packages that the packed code and declarations import. */
function importedPackages() {
  const packages = filesBelow(installed)
    .filter(file => /\.([cm]?js|d\.ts)$/.test(file))
    .flatMap(findSpecifiers)
    .filter(specifier => !/^(\.|node:)/.test(specifier))
    .map(specifier => specifier.match(/^(@[^/]+\/)?[^/]+/)[0])
    .filter(specifier => !builtinModules.includes(specifier));
  return [...new Set(packages)].sort();
}

function checkDeclared() {
  const { dependencies = {} } = readJson(join(installed, 'package.json'));
  const undeclared = importedPackages().filter(
    imported => imported !== name && dependencies[imported] === undefined,
  );
  assert(undeclared.length === 0, `not in dependencies: ${undeclared.join(', ')}`);
  const unused = Object.keys(dependencies).filter(
    declared => !importedPackages().includes(declared),
  );
  return unused.length > 0 ? `declared but not imported: ${unused.join(', ')}` : '';
}

/** The packages that npm would install with the package, without installing them. */
async function checkNpmResolution() {
  const folder = join(temporary, 'resolution');
  const archive = readdirSync(temporary).find(file => file.endsWith('.tgz'));
  writeJson(join(folder, 'package.json'), { name: 'smoke', version: '0.0.0' });
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  await installWithNpm(
    [
      'install',
      '--package-lock-only',
      '--package-lock',
      '--prefer-offline',
      ...options,
      join(temporary, archive),
    ],
    { cwd: folder },
  );
  const { packages } = readJson(join(folder, 'package-lock.json'));
  const declared = Object.keys(packages[`node_modules/${name}`].dependencies ?? {});
  const missing = importedPackages().filter(
    imported => imported !== name && !declared.includes(imported),
  );
  assert(missing.length === 0, `npm would not install ${missing.join(', ')}`);
  const unresolved = declared.filter(
    dependency => !packages[`node_modules/${dependency}`],
  );
  assert(unresolved.length === 0, `npm did not resolve ${unresolved.join(', ')}`);
  return `${Object.keys(packages).length - 2} packages`;
}

function link(packageName, folder) {
  const target = join(folder, 'node_modules', packageName);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, 'node_modules', packageName), target, 'junction');
}

/** The package has access only to its declared dependencies. */
function installDependencies() {
  const { dependencies = {} } = readJson(join(installed, 'package.json'));
  Object.keys(dependencies).forEach(dependency => link(dependency, installed));
  CONSUMER_PACKAGES.forEach(packageName => link(packageName, consumer));
}

async function checkLoads() {
  const { exports, bin = {} } = readJson(join(installed, 'package.json'));
  // A loader of several features, such as a service for all plugins, belongs to no plugin.
  const expected = { '.': 'catalog', './events': 'events', './url-reader': undefined };
  const script = join(consumer, 'load.cjs');
  writeFileSync(
    script,
    `for (const [mount, pluginId] of Object.entries(${JSON.stringify(expected, (_, id) => id ?? null)})) {
  if (!${JSON.stringify(Object.keys(exports))}.includes(mount)) continue;
  const feature = require(${JSON.stringify(name)} + mount.slice(1)).default;
  if (feature?.$$type !== '@backstage/BackendFeature') {
    throw new Error(mount + ' has no backend feature as its default export');
  }
  if (pluginId === null) {
    if (feature.featureType !== 'loader') throw new Error(mount + ' is no feature loader');
    console.log(mount + ' is a loader');
    continue;
  }
  const [registration] = feature.getRegistrations();
  if (registration.pluginId !== pluginId) {
    throw new Error(mount + ' belongs to the plugin ' + registration.pluginId);
  }
  console.log(mount + ' is ' + registration.pluginId + '/' + registration.moduleId);
}
require(${JSON.stringify(`${name}/package.json`)});
`,
  );
  const { stdout } = await run(process.execPath, [script], { cwd: consumer });
  for (const file of Object.values(bin)) {
    const path = join(installed, file);
    assert(/^#!.*\bnode\b/.test(readFileSync(path, 'utf8')), `${file} has no #! line`);
    await run(process.execPath, [path, '--help'], { cwd: consumer });
  }
  return stdout.trim().split('\n').join(', ');
}

async function checkCompiles(moduleResolution, module) {
  writeFileSync(
    join(consumer, 'index.ts'),
    `import { createBackend } from '@backstage/backend-defaults';
import { BackendFeature } from '@backstage/backend-plugin-api';
import feature, { BitbucketServerEntityProvider } from '${name}';

const backend = createBackend();
backend.add(import('${name}'));

// Types that were not found are \`any\` and would accept everything.
type IsAny<T> = 0 extends 1 & T ? true : false;
export const found: [IsAny<typeof feature>, IsAny<BitbucketServerEntityProvider>] = [
  false,
  false,
];
export const checked: BackendFeature = feature;
`,
  );
  writeJson(join(consumer, 'tsconfig.json'), {
    files: ['index.ts'],
    compilerOptions: {
      module,
      moduleResolution,
      target: 'ES2022',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      esModuleInterop: true,
      types: ['node'],
    },
  });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [tsc, '-p', consumer], { cwd: consumer });
}

/** The documented configurations: the file itself and the examples in its comments. */
function documentedExamples() {
  const text = readFileSync(join(root, 'app-config.example.yaml'), 'utf8');
  const commented = [...text.matchAll(/^# Example:[\s\S]*?^# End of example\./gm)];
  const examples = commented.map(([block]) =>
    block
      .split('\n')
      .filter(line => /^#$|^# ( |\w+:$)/.test(line))
      .map(line => line.replace(/^# ?/, ''))
      .join('\n'),
  );
  return [text, ...examples].map(example => parse(example));
}

async function checkSchema() {
  const schema = await loadConfigSchema({
    dependencies: [],
    packagePaths: [join(installed, 'package.json')],
    excludePackageDependencies: true,
  });
  const findProblem = data => {
    try {
      schema.process([{ data, context: 'example' }]);
      return undefined;
    } catch (error) {
      return error.message;
    }
  };
  const examples = documentedExamples();
  examples.forEach((example, index) => {
    assert(example.catalog?.providers?.bitbucketServer, `example ${index} is empty`);
    const problem = findProblem(example);
    assert(!problem, `the schema rejects example ${index}: ${problem}`);
  });
  const wrap = bitbucketServer => ({ catalog: { providers: { bitbucketServer } } });
  // Numbers are accepted as strings: substituted values always are strings.
  const wrongs = [
    { host: 'bitbucket.example.com', concurrency: 'many' },
    { one: { host: 'bitbucket.example.com', concurrency: 'many' } },
    { catalogPath: '/catalog-info.yaml' },
    { one: { catalogPath: '/catalog-info.yaml' } },
  ];
  for (const wrong of wrongs) {
    assert(findProblem(wrap(wrong)), `the schema accepts ${JSON.stringify(wrong)}`);
  }
  return `${examples.length} examples`;
}

onEnd(() => rmSync(temporary, { recursive: true, force: true }));
await check('the build is fresh', checkFreshBuild);
await check('packs, and restores the work tree', pack);
await check('contains what it should and nothing else', checkFiles);
await check('its manifest names only existing files', checkManifest);
await check('declares every package that it imports', checkDeclared);
await check('npm resolves its dependencies', checkNpmResolution);
await check('finds its dependencies', installDependencies);
await check('loads as a backend feature', checkLoads);
await check('compiles in a backend (bundler resolution)', () =>
  checkCompiles('bundler', 'ESNext'),
);
await check('compiles in a backend (older, node resolution)', () =>
  checkCompiles('node10', 'CommonJS'),
);
await check('its schema accepts what is documented', checkSchema);
summarize('Smoke test');
