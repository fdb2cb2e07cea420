/**
 * Proves that the rules of eslint.config.mjs report faults and accept valid code: lints one
 * snippet of each kind per rule, as if it were a file of the work tree.
 */

import { readdirSync } from 'node:fs';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { ENTRY_FOLDERS, LAYERS } from '../eslint.config.mjs';

const toImport = path =>
  `import { thing } from '${path}';\nexport const other = thing;\n`;
const FETCH = "export const answer = fetch('https://example.com');\n";
const NOW = 'export const now = Date.now();\n';
const NEW_DATE = 'export const now = new Date();\n';
const MUTATE = 'export const go = (c: { applyMutation(): void }) => c.applyMutation();\n';

/** For each rule: the rule, a file and text that it reports, a file and text that it does not. */
const CASES = [
  // Imports point downward only.
  [
    'import/no-restricted-paths',
    ['src/config/snippet.ts', toImport('../http/HttpTransport')],
    ['src/config/snippet.ts', toImport('../http/types')],
  ],
  // Published code does not import tests or the simulator.
  [
    'import/no-restricted-paths',
    ['src/module.ts', toImport('../dev/seed')],
    ['test/module.test.ts', toImport('../dev/seed')],
  ],
  // Only adapters and the entry import Backstage; no other network or timers.
  [
    'no-restricted-imports',
    ['src/discovery/snippet.ts', toImport('@backstage/errors')],
    ['src/store/snippet.ts', toImport('@backstage/errors')],
  ],
  // Only declared dependencies.
  [
    'local/no-undeclared-imports',
    ['src/module.ts', toImport('@backstage/plugin-catalog-backend')],
    ['test/module.test.ts', toImport('@backstage/plugin-catalog-backend')],
  ],
  // One place each for the network, for time and randomness, and for catalog mutations.
  [
    'no-restricted-globals',
    ['src/bitbucket/snippet.ts', FETCH],
    ['src/http/HttpTransport.ts', FETCH],
  ],
  [
    'no-restricted-properties',
    ['src/discovery/snippet.ts', NOW],
    ['src/util/clock.ts', NOW],
  ],
  [
    'no-restricted-syntax',
    ['src/discovery/snippet.ts', NEW_DATE],
    ['src/discovery/snippet.ts', NEW_DATE.replace('()', '(0)')],
  ],
  [
    'no-restricted-properties',
    ['src/events/snippet.ts', MUTATE],
    ['src/provider/snippet.ts', MUTATE],
  ],
  // No test is permanently skipped.
  [
    'no-restricted-syntax',
    ['test/module.test.ts', "it.skip('x', () => undefined);\n"],
    [
      'test/module.test.ts',
      "(process.env.PG ? describe : describe.skip)('x', () => undefined);\n",
    ],
  ],
  // Style.
  [
    'no-console',
    ['src/module.ts', "console.log('hello');\n"],
    ['src/cli/snippet.ts', "console.log('hello');\n"],
  ],
  [
    '@typescript-eslint/no-explicit-any',
    ['src/module.ts', 'export const x: any = 1;\n'],
    ['src/module.ts', 'export const x: unknown = 1;\n'],
  ],
  [
    '@typescript-eslint/no-non-null-assertion',
    ['src/module.ts', 'export const first = (list: string[]) => list[0]!;\n'],
    ['src/module.ts', 'export const first = (list: string[]) => list[0];\n'],
  ],
  [
    'max-lines',
    ['src/module.ts', `export const lines = [\n${'  1,\n'.repeat(400)}];\n`],
    ['src/module.ts', `export const lines = [\n${'  1,\n'.repeat(300)}];\n`],
  ],
];

/** Rules that need types or other files: one text that breaks all of them, one that breaks none. */
const TYPED_RULES = [
  'import/no-cycle',
  '@typescript-eslint/no-floating-promises',
  '@typescript-eslint/no-misused-promises',
  '@typescript-eslint/no-unsafe-return',
  '@typescript-eslint/switch-exhaustiveness-check',
];
const TYPED_FILE = 'src/http/types.ts';
const BREAKS_ALL = `
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
const BREAKS_NONE = `
export async function save(): Promise<void> {
  await Promise.resolve();
}
export async function run(kind: 'a' | 'b'): Promise<number> {
  await save();
  switch (kind) {
    case 'a':
      return 1;
    case 'b':
      return 2;
  }
}
`;

/** Rules that need types or cycles require a file on disk. */
const untyped = new ESLint({
  overrideConfig: [
    tseslint.configs.disableTypeChecked,
    { files: ['**/*.ts'], rules: { 'import/no-cycle': 'off' } },
  ],
});
const typed = new ESLint({
  // Without the cache, which knows the imports of a file only as they are on disk.
  overrideConfig: {
    files: ['**/*.ts'],
    rules: { 'import/no-cycle': ['error', { disableScc: true }] },
  },
});

async function reportedRules(eslint, [filePath, code]) {
  const [result] = await eslint.lintText(code, { filePath });
  return new Set(result.messages.map(message => message.ruleId ?? message.message));
}

async function checkCase(eslint, [rule, refused, allowed]) {
  const reported = await reportedRules(eslint, refused);
  const spared = await reportedRules(eslint, allowed);
  return [
    ...(reported.has(rule)
      ? []
      : [`${rule} does not report ${refused[0]}:\n${refused[1].slice(0, 200)}`]),
    ...(spared.has(rule)
      ? [`${rule} reports ${allowed[0]}:\n${allowed[1].slice(0, 200)}`]
      : []),
  ];
}

/** Folders of `src` that are missing in the table of layers. */
function unknownFolders() {
  const known = [...Object.keys(LAYERS), ...ENTRY_FOLDERS, '__testUtils__'];
  return readdirSync('src', { withFileTypes: true })
    .filter(entry => entry.isDirectory() && !known.includes(entry.name))
    .map(entry => `src/${entry.name}: not in LAYERS of eslint.config.mjs`);
}

const typedCases = TYPED_RULES.map(rule => [
  rule,
  [TYPED_FILE, BREAKS_ALL],
  [TYPED_FILE, BREAKS_NONE],
]);
const failures = [
  ...unknownFolders(),
  ...(await Promise.all(CASES.map(rule => checkCase(untyped, rule)))).flat(),
  ...(await Promise.all(typedCases.map(rule => checkCase(typed, rule)))).flat(),
];
for (const failure of failures) {
  console.error(`✗ ${failure}`);
}
const count = CASES.length + typedCases.length;
console.log(`Lint rules: ${count}, each twice, ${failures.length} failures`);
process.exitCode = failures.length > 0 ? 1 : 0;
