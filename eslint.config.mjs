/**
 * Lint rules. Besides the usual ones they enforce the architecture: imports point downward only,
 * and each kind of effect (the network, the clock, catalog mutations) has one place.
 * `npm run lint:rules` verifies that these rules can fail.
 */

import backstage from '@backstage/eslint-plugin';
import importPlugin from 'eslint-plugin-import';
import tseslint from 'typescript-eslint';

const LEAVES = ['model.ts', 'filters', 'util'];
const BELOW_ADAPTERS = [...LEAVES, 'http', 'bitbucket', 'discovery'];

/**
 * For each folder (or file) of `src`, the other ones and the Backstage packages that it may
 * import. Lowest layer first; a new folder needs an entry.
 */
export const LAYERS = {
  'model.ts': { imports: [], backstage: [] },
  util: { imports: [], backstage: [] },
  filters: { imports: ['model.ts', 'util'], backstage: [] },
  http: { imports: LEAVES, backstage: ['errors', 'integration'] },
  discovery: { imports: LEAVES, backstage: [] },
  bitbucket: {
    // The interface of the engine that the client implements.
    imports: [...LEAVES, 'http', 'discovery/types.ts'],
    backstage: ['errors', 'integration'],
  },
  config: { imports: [...LEAVES, 'http/types.ts'], backstage: 'any' },
  store: { imports: BELOW_ADAPTERS, backstage: 'any' },
  conflicts: { imports: [...LEAVES, 'discovery', 'store'], backstage: 'any' },
  catalog: { imports: [...BELOW_ADAPTERS, 'store', 'conflicts'], backstage: 'any' },
  metrics: {
    imports: [...BELOW_ADAPTERS, 'store', 'conflicts', 'catalog'],
    backstage: 'any',
  },
  provider: {
    imports: [...BELOW_ADAPTERS, 'config', 'store', 'metrics', 'conflicts', 'catalog'],
    backstage: 'any',
  },
  events: {
    imports: [...BELOW_ADAPTERS, 'config', 'store', 'metrics', 'provider'],
    backstage: 'any',
  },
  api: {
    imports: [...BELOW_ADAPTERS, 'config', 'store', 'metrics', 'provider'],
    backstage: 'any',
  },
  router: {
    imports: [...BELOW_ADAPTERS, 'config', 'store', 'provider', 'conflicts', 'catalog'],
    backstage: 'any',
  },
  reading: {
    imports: [
      ...BELOW_ADAPTERS,
      'config',
      'store',
      'metrics',
      'provider',
      // SCM events, by which the URL reader learns of changes.
      'events/scmEvents.ts',
      // Manual refreshes of entities, after which files are read again.
      'router/manualRefresh.ts',
    ],
    backstage: 'any',
  },
};

/** Folders of `src` above all layers: they may import everything but `dev` and test code. */
export const ENTRY_FOLDERS = ['cli'];

const TYPESCRIPT = ['**/*.ts'];
const TESTS = ['**/*.test.ts', '**/*.test.mjs'];
const TEST_UTILS = ['**/__testUtils__/**'];
const NOT_PRODUCTION = [...TESTS, ...TEST_UTILS];

/** `eslint` patterns for a folder or a single file of `src`. */
function getFilePatterns(layer) {
  return layer.endsWith('.ts') ? [`src/${layer}`] : [`src/${layer}/**/*.ts`];
}

const layerZones = Object.entries(LAYERS).map(([layer, { imports }]) => ({
  target: `./src/${layer}`,
  from: './src',
  except: [layer, ...imports].map(path => `./${path}`),
  message: `src/${layer} may import only: ${imports.join(', ') || 'nothing'}.`,
}));

const PRODUCTION_ZONES = [
  ...layerZones,
  { target: './src', from: './dev', message: 'Production code never imports dev/.' },
  { target: './src', from: './test', message: 'Production code never imports test/.' },
  { target: './src', from: './bench', message: 'Production code never imports bench/.' },
  { target: './src', from: './soak', message: 'Production code never imports soak/.' },
  {
    target: './src',
    from: './src/**/__testUtils__/**',
    message: 'Production code never imports test helpers.',
  },
  {
    target: './dev/simulatedBitbucket',
    from: './src',
    except: ['./util'],
    message: 'The simulator shares only src/util with the code under test.',
  },
  {
    target: './dev/simulatedBitbucket',
    from: './dev',
    except: ['./simulatedBitbucket'],
    message: 'The simulator does not depend on the demo.',
  },
];

const NETWORK_MESSAGE =
  'Requests leave through src/http/HttpTransport.ts, which paces and redacts them.';
const CLOCK_MESSAGE = 'Time and chance come from a Clock (src/util/clock.ts).';
const MUTATION_MESSAGE = 'Only src/provider applies mutations.';

/** Modules with their own access to the network, timers or randomness. */
const RESTRICTED_MODULES = [
  {
    regex:
      '^(node:)?(http|https|http2|net|tls)$|^(undici|axios|node-fetch|cross-fetch|got)(/|$)',
    message: NETWORK_MESSAGE,
  },
  { regex: '^(node:)?(timers(/promises)?|perf_hooks)$', message: CLOCK_MESSAGE },
  {
    regex: '^(node:)?crypto$',
    importNames: ['randomBytes', 'randomInt', 'randomUUID'],
    message: CLOCK_MESSAGE,
  },
];

/** Decisions need no files and no processes: leaves, transport, client and engine. */
const NO_MACHINE_ACCESS = {
  regex: '^(node:)?(fs(/promises)?|child_process|worker_threads|cluster)$',
  message: 'Below the adapters, code uses no files and no processes.',
};

function restrictedImports(layer) {
  const { backstage: allowed } = LAYERS[layer];
  const patterns = [...RESTRICTED_MODULES];
  if (allowed !== 'any') {
    const except = allowed.length > 0 ? `(?!(${allowed.join('|')})(/|$))` : '';
    patterns.push(NO_MACHINE_ACCESS, {
      regex: `^@backstage/${except}`,
      message: `src/${layer} may import from Backstage only: ${allowed.join(', ') || 'nothing'}.`,
    });
  }
  return ['error', { patterns }];
}

/** The globals that scripts may use. */
function readonlyGlobals(...names) {
  return Object.fromEntries(names.map(name => [name, 'readonly']));
}

function restrictedGlobals({ network = true, clock = true } = {}) {
  const names = [
    ...(network ? ['fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource'] : []).map(
      name => ({ name, message: NETWORK_MESSAGE }),
    ),
    ...(clock ? ['setTimeout', 'setInterval', 'setImmediate', 'performance'] : []).map(
      name => ({ name, message: CLOCK_MESSAGE }),
    ),
  ];
  return ['error', { globals: names, checkGlobalObject: true }];
}

function restrictedProperties({ clock = true, mutations = true } = {}) {
  const time = [
    ['Date', 'now'],
    ['Math', 'random'],
    ['performance', 'now'],
    ['process', 'hrtime'],
    ['crypto', 'randomUUID'],
    ['crypto', 'getRandomValues'],
    ['AbortSignal', 'timeout'],
    ['DateTime', 'now'],
  ].map(([object, property]) => ({ object, property, message: CLOCK_MESSAGE }));
  const mutation = { property: 'applyMutation', message: MUTATION_MESSAGE };
  return ['error', ...(clock ? time : []), ...(mutations ? [mutation] : [])];
}

const IMPORT_SYNTAX = [
  {
    selector: 'TSImportType',
    message: 'Import types at the top of the file, where the layering rule sees them.',
  },
  {
    selector: 'ImportExpression',
    message: 'Import at the top of the file, where the layering rule sees it.',
  },
];
const NETWORK_SYNTAX = [
  { selector: "TSTypeQuery[exprName.name='fetch']", message: NETWORK_MESSAGE },
];
const CLOCK_SYNTAX = [
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: CLOCK_MESSAGE,
  },
  { selector: "CallExpression[callee.name='Date']", message: CLOCK_MESSAGE },
];

/** The functions of Jest that skip tests or focus on some. */
const FOCUSED_TESTS = ['fdescribe', 'fit', 'xdescribe', 'xit', 'xtest'].map(name => ({
  name,
  message: 'Every test runs.',
}));
const FOCUS_SYNTAX = [
  {
    selector: "MemberExpression[property.name='only']",
    message: 'Every test runs.',
  },
  {
    // `(available ? describe : describe.skip)(...)` is no direct call and stays possible:
    // some suites need a database that not every machine has.
    selector:
      "CallExpression[callee.type='MemberExpression'][callee.property.name='skip'], CallExpression[callee.object.property.name='skip'], CallExpression[callee.callee.object.property.name='skip']",
    message: 'Skip only by a condition: (condition ? describe : describe.skip)(...).',
  },
];

/**
 * Production code may import only `dependencies`. The original rule offers a fix that
 * runs another package manager, which `lint:fix` must not do.
 */
const noUndeclaredImports = {
  ...backstage.rules['no-undeclared-imports'],
  create(context) {
    const report = ({ fix: _fix, ...problem }) => context.report(problem);
    return backstage.rules['no-undeclared-imports'].create(
      Object.create(context, { report: { value: report } }),
    );
  },
};

/** ESLint's own recommendations, except for those that the compiler checks. */
const CORE_RULES = {
  eqeqeq: 'error',
  'no-async-promise-executor': 'error',
  'no-case-declarations': 'error',
  'no-cond-assign': 'error',
  'no-constant-condition': ['error', { checkLoops: 'allExceptWhileTrue' }],
  'no-control-regex': 'error',
  'no-debugger': 'error',
  'no-dupe-else-if': 'error',
  'no-duplicate-case': 'error',
  'no-empty': 'error',
  'no-empty-character-class': 'error',
  'no-empty-pattern': 'error',
  'no-fallthrough': 'error',
  'no-irregular-whitespace': 'error',
  'no-loss-of-precision': 'error',
  'no-misleading-character-class': 'error',
  'no-prototype-builtins': 'error',
  'no-regex-spaces': 'error',
  'no-self-assign': 'error',
  'no-sparse-arrays': 'error',
  'no-unsafe-finally': 'error',
  'no-unsafe-optional-chaining': 'error',
  'no-useless-backreference': 'error',
  'no-useless-catch': 'error',
  'no-useless-escape': 'error',
  'require-yield': 'error',
  'use-isnan': 'error',
};

const TYPE_CHECKED_RULES = {
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': 'error',
  '@typescript-eslint/no-unnecessary-type-assertion': 'error',
  '@typescript-eslint/only-throw-error': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': [
    'error',
    { considerDefaultExhaustiveForUnions: true },
  ],
};

/** A value of type `any` from other code, such as `JSON.parse`, must be parsed first. */
const NO_ANY_LEAKS = {
  '@typescript-eslint/no-unsafe-argument': 'error',
  '@typescript-eslint/no-unsafe-assignment': 'error',
  '@typescript-eslint/no-unsafe-call': 'error',
  '@typescript-eslint/no-unsafe-member-access': 'error',
  '@typescript-eslint/no-unsafe-return': 'error',
};

/** A name that starts with `_` is unused on purpose. */
const UNUSED = {
  argsIgnorePattern: '^_',
  varsIgnorePattern: '^_',
  ignoreRestSiblings: true,
};

/** Files and functions stay small enough to read in one sitting. */
const SIZE_RULES = {
  complexity: ['error', 12],
  'max-depth': ['error', 3],
  'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
  'max-lines-per-function': ['error', { max: 60, skipComments: true }],
};

export default tseslint.config(
  {
    ignores: ['dist/', 'dist-types/', 'coverage/', 'temp/', '**/node_modules/'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { rules: CORE_RULES },
  {
    name: 'typescript',
    files: TYPESCRIPT,
    extends: [tseslint.configs.recommended],
    plugins: {
      import: importPlugin,
      local: { rules: { 'no-undeclared-imports': noUndeclaredImports } },
    },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import/extensions': ['.ts'],
      'import/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import/resolver': { node: { extensions: ['.ts', '.js', '.json'] } },
    },
    rules: {
      ...TYPE_CHECKED_RULES,
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', UNUSED],
      '@typescript-eslint/no-non-null-assertion': 'error',
      'import/enforce-node-protocol-usage': ['error', 'always'],
      'import/no-cycle': 'error',
      'local/no-undeclared-imports': 'error',
    },
  },
  {
    name: 'readable sizes',
    files: [
      'src/**/*.ts',
      'test/**/*.ts',
      'dev/**/*.ts',
      'bench/**/*.ts',
      'soak/**/*.ts',
    ],
    ignores: TESTS,
    rules: SIZE_RULES,
  },
  {
    name: 'layers',
    files: ['src/**/*.ts', 'dev/**/*.ts', 'bench/**/*.ts', 'soak/**/*.ts'],
    ignores: NOT_PRODUCTION,
    rules: {
      'import/no-restricted-paths': [
        'error',
        { basePath: import.meta.dirname, zones: PRODUCTION_ZONES },
      ],
      'no-console': 'error',
    },
  },
  {
    name: 'one door for each effect',
    files: ['src/**/*.ts'],
    ignores: NOT_PRODUCTION,
    rules: {
      ...NO_ANY_LEAKS,
      'no-restricted-globals': restrictedGlobals(),
      'no-restricted-imports': ['error', { patterns: RESTRICTED_MODULES }],
      'no-restricted-properties': restrictedProperties(),
      'no-restricted-syntax': [
        'error',
        ...IMPORT_SYNTAX,
        ...NETWORK_SYNTAX,
        ...CLOCK_SYNTAX,
      ],
    },
  },
  ...Object.keys(LAYERS).map(layer => ({
    name: `modules for src/${layer}`,
    files: getFilePatterns(layer),
    ignores: NOT_PRODUCTION,
    rules: { 'no-restricted-imports': restrictedImports(layer) },
  })),
  {
    name: 'the door to the network',
    files: ['src/http/HttpTransport.ts'],
    rules: {
      'no-restricted-globals': restrictedGlobals({ network: false }),
      'no-restricted-syntax': ['error', ...IMPORT_SYNTAX, ...CLOCK_SYNTAX],
    },
  },
  {
    name: 'the door to time and chance',
    files: ['src/util/clock.ts'],
    rules: {
      'no-restricted-globals': restrictedGlobals({ clock: false }),
      'no-restricted-properties': restrictedProperties({ clock: false }),
      'no-restricted-syntax': ['error', ...IMPORT_SYNTAX, ...NETWORK_SYNTAX],
    },
  },
  {
    name: 'the door to the catalog',
    files: ['src/provider/**/*.ts'],
    ignores: NOT_PRODUCTION,
    rules: { 'no-restricted-properties': restrictedProperties({ mutations: false }) },
  },
  {
    name: 'the command line speaks through the console',
    files: ['src/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    name: 'tests',
    files: TESTS,
    rules: {
      'no-restricted-globals': ['error', ...FOCUSED_TESTS],
      'no-restricted-syntax': ['error', ...FOCUS_SYNTAX],
    },
  },
  {
    name: 'plain scripts',
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: readonlyGlobals(
        ...['console', 'exports', 'module', 'process', 'require', 'URL', '__dirname'],
      ),
    },
    rules: {
      'no-undef': 'error',
      'no-unused-vars': ['error', UNUSED],
    },
  },
  {
    name: 'tests of plain scripts',
    files: ['**/*.test.mjs'],
    languageOptions: { globals: readonlyGlobals('describe', 'expect', 'it') },
  },
);
