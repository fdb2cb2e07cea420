/**
 * Proves that the rules of eslint.config.mjs can fail: lints small snippets as if they
 * were files of `src` or `dev` and compares which rules report.
 */

import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { ENTRY_FOLDERS, LAYERS } from '../eslint.config.mjs';

const LAYERING = 'import/no-restricted-paths';
const MODULES = 'no-restricted-imports';
const GLOBALS = 'no-restricted-globals';
const PROPERTIES = 'no-restricted-properties';
const SYNTAX = 'no-restricted-syntax';

/** A module of a folder that exists, since the layering rule looks at real files only. */
function moduleIn(folder) {
  const file = readdirSync(folder, { recursive: true })
    .map(String)
    .filter(name => name.endsWith('.ts') && !/\.test\.ts$|__testUtils__/.test(name))
    .sort()[0];
  return file === undefined ? undefined : `${folder}/${file.replace(/\.ts$/, '')}`;
}

const importOf = path =>
  `import { thing } from '${path}';\nexport const other = thing;\n`;

/** For each layer: imports of what it may use and of what it may not. */
function layeringCases() {
  const present = Object.keys(LAYERS).filter(layer => existsSync(`src/${layer}`));
  return present.flatMap(layer => {
    const file = layer.endsWith('.ts') ? `src/${layer}` : `src/${layer}/snippet.ts`;
    const up = layer.endsWith('.ts') ? './' : '../';
    const others = present.filter(other => other !== layer);
    return others.flatMap(other => {
      const target = other.endsWith('.ts')
        ? `src/${other.replace(/\.ts$/, '')}`
        : moduleIn(`src/${other}`);
      if (target === undefined) {
        return [];
      }
      const code = importOf(target.replace(/^src\//, up));
      const { imports } = LAYERS[layer];
      if (
        !imports.includes(other) &&
        imports.some(path => path.startsWith(`${other}/`))
      ) {
        return []; // Allowed in part: has cases of its own below.
      }
      return [imports.includes(other) ? [file, code] : [file, code, LAYERING]];
    });
  });
}

/** A file, what stands in it, and the rules that are to report it. */
const ALL_CASES = [
  ...layeringCases(),

  // Layering: what the table cannot say.
  ['src/config/snippet.ts', importOf('../http/types')],
  ['src/config/snippet.ts', importOf('../http/HttpTransport'), LAYERING],
  [
    'src/discovery/snippet.ts',
    "import type { HttpTransport } from '../http/HttpTransport';\nexport type T = HttpTransport;\n",
    LAYERING,
  ],
  ['src/discovery/snippet.ts', "export * from '../http/HttpTransport';\n", LAYERING],
  [
    'src/discovery/snippet.ts',
    "export type T = import('../http/HttpTransport').HttpTransport;\n",
    SYNTAX,
  ],
  [
    'src/discovery/snippet.ts',
    "export const load = () => import('../http/HttpTransport');\n",
    LAYERING,
    SYNTAX,
  ],
  ['src/util/snippet.ts', importOf('../index'), LAYERING],
  ['src/provider/snippet.ts', importOf('../module'), LAYERING],
  ['src/module.ts', importOf('./http/HttpTransport')],
  ['src/cli/snippet.ts', importOf('../http/HttpTransport')],
  ['src/discovery/snippet.test.ts', importOf('../http/HttpTransport')],

  // Test code and the simulator stay out of what is published.
  ['src/provider/snippet.ts', importOf('../../dev/simulatedBitbucket'), LAYERING],
  ['src/module.ts', importOf('../dev/seed'), LAYERING],
  ['src/cli/snippet.ts', importOf('../../dev/seed'), LAYERING],
  ['src/module.ts', importOf('../test/__testUtils__/readmeText'), LAYERING],
  ['src/module.ts', importOf('./__testUtils__/FakeClock'), LAYERING],
  ['test/module.test.ts', importOf('../dev/simulatedBitbucket')],
  ['dev/simulatedBitbucket/snippet.ts', importOf('../../src/model'), LAYERING],
  ['dev/simulatedBitbucket/snippet.ts', importOf('../../src/util/clock')],
  ['dev/simulatedBitbucket/snippet.ts', importOf('../seed'), LAYERING],

  // Backstage from the adapters up; two packages below.
  ...['model.ts', 'util/snippet.ts', 'filters/snippet.ts', 'discovery/snippet.ts'].map(
    name => [`src/${name}`, importOf('@backstage/errors'), MODULES],
  ),
  ...['http', 'bitbucket'].flatMap(folder => [
    [`src/${folder}/snippet.ts`, importOf('@backstage/errors')],
    [`src/${folder}/snippet.ts`, importOf('@backstage/integration')],
    [`src/${folder}/snippet.ts`, importOf('@backstage/backend-plugin-api'), MODULES],
    [
      `src/${folder}/snippet.ts`,
      importOf('@backstage/plugin-catalog-node/alpha'),
      MODULES,
    ],
  ]),
  ['src/store/snippet.ts', importOf('@backstage/backend-plugin-api')],
  ['src/discovery/snippet.ts', importOf('node:fs/promises'), MODULES],

  // Only what is declared: dependencies in production code, development ones in tests.
  [
    'src/module.ts',
    importOf('@backstage/plugin-catalog-backend'),
    'local/no-undeclared-imports',
  ],
  ['src/module.ts', importOf('zod')],
  ['test/module.test.ts', importOf('@backstage/plugin-catalog-backend')],
  ['test/module.test.ts', importOf('lodash'), 'local/no-undeclared-imports'],

  // One door to the network.
  [
    'src/bitbucket/snippet.ts',
    "export const answer = fetch('https://example.com');\n",
    GLOBALS,
  ],
  [
    'src/bitbucket/snippet.ts',
    "export const answer = globalThis.fetch('https://example.com');\n",
    GLOBALS,
  ],
  ['src/bitbucket/snippet.ts', 'export type Fetch = typeof fetch;\n', SYNTAX],
  ['src/http/HttpTransport.ts', "export const answer = fetch('https://example.com');\n"],
  ['src/http/snippet.ts', importOf('node:https'), MODULES],
  ['src/cli/snippet.ts', importOf('node:http'), MODULES],

  // One door to time and chance.
  ...['src/discovery/snippet.ts', 'src/provider/snippet.ts', 'src/module.ts'].flatMap(
    file => [
      [file, 'export const now = Date.now();\n', PROPERTIES],
      [file, 'export const now = new Date();\n', SYNTAX],
      [file, 'export const epoch = new Date(0);\n'],
      [file, 'export const dice = Math.random();\n', PROPERTIES],
    ],
  ),
  ['src/http/snippet.ts', 'setTimeout(() => undefined, 1);\n', GLOBALS],
  ['src/http/HttpTransport.ts', 'setInterval(() => undefined, 1);\n', GLOBALS],
  ['src/http/snippet.ts', 'export const now = performance.now();\n', GLOBALS, PROPERTIES],
  ['src/http/snippet.ts', 'export const signal = AbortSignal.timeout(1);\n', PROPERTIES],
  ['src/events/snippet.ts', importOf('node:timers/promises'), MODULES],
  [
    'src/util/clock.ts',
    'setTimeout(() => undefined, Date.now() + Math.random() + +new Date());\n',
  ],
  ['src/util/clock.ts', "export const answer = fetch('https://example.com');\n", GLOBALS],
  ['src/http/snippet.test.ts', 'export const now = Date.now();\n'],

  // One door to the catalog.
  [
    'src/events/snippet.ts',
    'export const go = (c: { applyMutation(): void }) => c.applyMutation();\n',
    PROPERTIES,
  ],
  [
    'src/provider/snippet.ts',
    'export const go = (c: { applyMutation(): void }) => c.applyMutation();\n',
  ],
  ['src/provider/snippet.ts', 'export const now = Date.now();\n', PROPERTIES],

  // Habits.
  ['src/module.ts', "console.log('hello');\n", 'no-console'],
  ['src/module.ts', 'export const x: any = 1;\n', '@typescript-eslint/no-explicit-any'],
  [
    'src/module.ts',
    'export const first = (list: string[]) => list[0]!;\n',
    '@typescript-eslint/no-non-null-assertion',
  ],
  ['src/module.ts', `export const lines = [\n${'  1,\n'.repeat(400)}];\n`, 'max-lines'],
  ['test/module.test.ts', "describe.only('x', () => undefined);\n", SYNTAX],
  ['test/module.test.ts', "it.skip('x', () => undefined);\n", SYNTAX],
  ['test/module.test.ts', "it.skip.each([1])('x', () => undefined);\n", SYNTAX],
  ['test/module.test.ts', "xit('x', () => undefined);\n", GLOBALS],
  [
    'test/module.test.ts',
    "(process.env.PG ? describe : describe.skip)('x', () => undefined);\n",
  ],
];

/** The layering rule sees nothing in a folder that does not exist (yet). */
const CASES = ALL_CASES.filter(
  ([file, , ...expected]) => !expected.includes(LAYERING) || existsSync(dirname(file)),
);

/** Folders of `src` that the table of layers does not know. */
function unknownFolders() {
  const known = [...Object.keys(LAYERS), ...ENTRY_FOLDERS, '__testUtils__'];
  return readdirSync('src', { withFileTypes: true })
    .filter(entry => entry.isDirectory() && !known.includes(entry.name))
    .map(entry => `src/${entry.name}: not in LAYERS of eslint.config.mjs`);
}

/** Rules that need types or cycles cannot run on text that is no file; see below. */
const untyped = new ESLint({
  overrideConfig: [
    tseslint.configs.disableTypeChecked,
    { files: ['**/*.ts'], rules: { 'import/no-cycle': 'off' } },
  ],
});

async function checkCase([file, code, ...expected]) {
  const [result] = await untyped.lintText(code, { filePath: file });
  const reported = [...new Set(result.messages.map(m => m.ruleId ?? m.message))].sort();
  return reported.join() === [...expected].sort().join()
    ? []
    : [
        `${file}: expected ${expected.join(', ') || 'nothing'}, got ${
          reported.join(', ') || 'nothing'
        } for\n${code.slice(0, 200)}`,
      ];
}

/** The rules that need types and other files, on the text of a file that exists. */
async function checkTypedRules() {
  const typed = new ESLint({
    // Without the shortcut, which knows a file's imports only as they are on the disk.
    overrideConfig: {
      files: ['**/*.ts'],
      rules: { 'import/no-cycle': ['error', { disableScc: true }] },
    },
  });
  const code = `
import { HttpTransport } from './HttpTransport';
export async function save(): Promise<HttpTransport | undefined> {
  return JSON.parse('{}');
}
export function run(kind: 'a' | 'b'): void {
  save();
  [1].forEach(save);
  switch (kind) {
    case 'a':
  }
}
`;
  const [result] = await typed.lintText(code, { filePath: 'src/http/types.ts' });
  const reported = new Set(result.messages.map(message => message.ruleId));
  return [
    'import/no-cycle',
    '@typescript-eslint/no-floating-promises',
    '@typescript-eslint/no-misused-promises',
    '@typescript-eslint/no-unsafe-return',
    '@typescript-eslint/switch-exhaustiveness-check',
  ]
    .filter(rule => !reported.has(rule))
    .map(rule => `${rule} did not report`);
}

const failures = [
  ...unknownFolders(),
  ...(await Promise.all(CASES.map(checkCase))).flat(),
  ...(await checkTypedRules()),
];
for (const failure of failures) {
  console.error(`✗ ${failure}`);
}
console.log(`Lint rules: ${CASES.length + 1} snippets, ${failures.length} failures`);
process.exitCode = failures.length > 0 ? 1 : 0;
