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
      return [{ file, code, expected: imports.includes(other) ? [] : [LAYERING] }];
    });
  });
}

const ALL_CASES = [
  ...layeringCases(),

  // Layering: what the table cannot say.
  {
    file: 'src/config/snippet.ts',
    code: importOf('../http/types'),
    expected: [],
  },
  {
    file: 'src/config/snippet.ts',
    code: importOf('../http/HttpTransport'),
    expected: [LAYERING],
  },
  {
    file: 'src/discovery/snippet.ts',
    code: "import type { HttpTransport } from '../http/HttpTransport';\nexport type T = HttpTransport;\n",
    expected: [LAYERING],
  },
  {
    file: 'src/discovery/snippet.ts',
    code: "export * from '../http/HttpTransport';\n",
    expected: [LAYERING],
  },
  {
    file: 'src/discovery/snippet.ts',
    code: "export type T = import('../http/HttpTransport').HttpTransport;\n",
    expected: [SYNTAX],
  },
  {
    file: 'src/discovery/snippet.ts',
    code: "export const load = () => import('../http/HttpTransport');\n",
    expected: [LAYERING, SYNTAX],
  },
  { file: 'src/util/snippet.ts', code: importOf('../index'), expected: [LAYERING] },
  { file: 'src/provider/snippet.ts', code: importOf('../module'), expected: [LAYERING] },
  { file: 'src/module.ts', code: importOf('./http/HttpTransport'), expected: [] },
  { file: 'src/cli/snippet.ts', code: importOf('../http/HttpTransport'), expected: [] },
  {
    file: 'src/discovery/snippet.test.ts',
    code: importOf('../http/HttpTransport'),
    expected: [],
  },

  // Test code and the simulator stay out of what is published.
  {
    file: 'src/provider/snippet.ts',
    code: importOf('../../dev/simulatedBitbucket'),
    expected: [LAYERING],
  },
  { file: 'src/module.ts', code: importOf('../dev/seed'), expected: [LAYERING] },
  { file: 'src/cli/snippet.ts', code: importOf('../../dev/seed'), expected: [LAYERING] },
  {
    file: 'src/module.ts',
    code: importOf('../test/__testUtils__/readmeText'),
    expected: [LAYERING],
  },
  {
    file: 'src/module.ts',
    code: importOf('./__testUtils__/FakeClock'),
    expected: [LAYERING],
  },
  {
    file: 'test/module.test.ts',
    code: importOf('../dev/simulatedBitbucket'),
    expected: [],
  },
  {
    file: 'dev/simulatedBitbucket/snippet.ts',
    code: importOf('../../src/model'),
    expected: [LAYERING],
  },
  {
    file: 'dev/simulatedBitbucket/snippet.ts',
    code: importOf('../../src/util/clock'),
    expected: [],
  },
  {
    file: 'dev/simulatedBitbucket/snippet.ts',
    code: importOf('../seed'),
    expected: [LAYERING],
  },

  // Backstage from the adapters up; two packages below.
  ...['model.ts', 'util/snippet.ts', 'filters/snippet.ts', 'discovery/snippet.ts'].map(
    name => ({
      file: `src/${name}`,
      code: importOf('@backstage/errors'),
      expected: [MODULES],
    }),
  ),
  ...['http', 'bitbucket'].flatMap(folder => [
    {
      file: `src/${folder}/snippet.ts`,
      code: importOf('@backstage/errors'),
      expected: [],
    },
    {
      file: `src/${folder}/snippet.ts`,
      code: importOf('@backstage/integration'),
      expected: [],
    },
    {
      file: `src/${folder}/snippet.ts`,
      code: importOf('@backstage/backend-plugin-api'),
      expected: [MODULES],
    },
    {
      file: `src/${folder}/snippet.ts`,
      code: importOf('@backstage/plugin-catalog-node/alpha'),
      expected: [MODULES],
    },
  ]),
  {
    file: 'src/store/snippet.ts',
    code: importOf('@backstage/backend-plugin-api'),
    expected: [],
  },
  {
    file: 'src/discovery/snippet.ts',
    code: importOf('node:fs/promises'),
    expected: [MODULES],
  },

  // Only what is declared: dependencies in production code, development ones in tests.
  {
    file: 'src/module.ts',
    code: importOf('@backstage/plugin-catalog-backend'),
    expected: ['local/no-undeclared-imports'],
  },
  { file: 'src/module.ts', code: importOf('zod'), expected: [] },
  {
    file: 'test/module.test.ts',
    code: importOf('@backstage/plugin-catalog-backend'),
    expected: [],
  },
  {
    file: 'test/module.test.ts',
    code: importOf('lodash'),
    expected: ['local/no-undeclared-imports'],
  },

  // One door to the network.
  {
    file: 'src/bitbucket/snippet.ts',
    code: "export const answer = fetch('https://example.com');\n",
    expected: [GLOBALS],
  },
  {
    file: 'src/bitbucket/snippet.ts',
    code: "export const answer = globalThis.fetch('https://example.com');\n",
    expected: [GLOBALS],
  },
  {
    file: 'src/bitbucket/snippet.ts',
    code: 'export type Fetch = typeof fetch;\n',
    expected: [SYNTAX],
  },
  {
    file: 'src/http/HttpTransport.ts',
    code: "export const answer = fetch('https://example.com');\n",
    expected: [],
  },
  { file: 'src/http/snippet.ts', code: importOf('node:https'), expected: [MODULES] },
  { file: 'src/cli/snippet.ts', code: importOf('node:http'), expected: [MODULES] },

  // One door to time and chance.
  ...['src/discovery/snippet.ts', 'src/provider/snippet.ts', 'src/module.ts'].flatMap(
    file => [
      { file, code: 'export const now = Date.now();\n', expected: [PROPERTIES] },
      { file, code: 'export const now = new Date();\n', expected: [SYNTAX] },
      { file, code: 'export const epoch = new Date(0);\n', expected: [] },
      { file, code: 'export const dice = Math.random();\n', expected: [PROPERTIES] },
    ],
  ),
  {
    file: 'src/http/snippet.ts',
    code: 'setTimeout(() => undefined, 1);\n',
    expected: [GLOBALS],
  },
  {
    file: 'src/http/HttpTransport.ts',
    code: 'setInterval(() => undefined, 1);\n',
    expected: [GLOBALS],
  },
  {
    file: 'src/http/snippet.ts',
    code: 'export const now = performance.now();\n',
    expected: [GLOBALS, PROPERTIES],
  },
  {
    file: 'src/http/snippet.ts',
    code: 'export const signal = AbortSignal.timeout(1);\n',
    expected: [PROPERTIES],
  },
  {
    file: 'src/events/snippet.ts',
    code: importOf('node:timers/promises'),
    expected: [MODULES],
  },
  {
    file: 'src/util/clock.ts',
    code: 'setTimeout(() => undefined, Date.now() + Math.random() + +new Date());\n',
    expected: [],
  },
  {
    file: 'src/util/clock.ts',
    code: "export const answer = fetch('https://example.com');\n",
    expected: [GLOBALS],
  },
  {
    file: 'src/http/snippet.test.ts',
    code: 'export const now = Date.now();\n',
    expected: [],
  },

  // One door to the catalog.
  {
    file: 'src/events/snippet.ts',
    code: 'export const go = (c: { applyMutation(): void }) => c.applyMutation();\n',
    expected: [PROPERTIES],
  },
  {
    file: 'src/provider/snippet.ts',
    code: 'export const go = (c: { applyMutation(): void }) => c.applyMutation();\n',
    expected: [],
  },
  {
    file: 'src/provider/snippet.ts',
    code: 'export const now = Date.now();\n',
    expected: [PROPERTIES],
  },

  // Habits.
  {
    file: 'src/module.ts',
    code: "console.log('hello');\n",
    expected: ['no-console'],
  },
  {
    file: 'src/module.ts',
    code: 'export const x: any = 1;\n',
    expected: ['@typescript-eslint/no-explicit-any'],
  },
  {
    file: 'src/module.ts',
    code: 'export const first = (list: string[]) => list[0]!;\n',
    expected: ['@typescript-eslint/no-non-null-assertion'],
  },
  {
    file: 'src/module.ts',
    code: `export const lines = [\n${'  1,\n'.repeat(400)}];\n`,
    expected: ['max-lines'],
  },
  {
    file: 'test/module.test.ts',
    code: "describe.only('x', () => undefined);\n",
    expected: [SYNTAX],
  },
  {
    file: 'test/module.test.ts',
    code: "it.skip('x', () => undefined);\n",
    expected: [SYNTAX],
  },
  {
    file: 'test/module.test.ts',
    code: "it.skip.each([1])('x', () => undefined);\n",
    expected: [SYNTAX],
  },
  {
    file: 'test/module.test.ts',
    code: "xit('x', () => undefined);\n",
    expected: [GLOBALS],
  },
  {
    file: 'test/module.test.ts',
    code: "(process.env.PG ? describe : describe.skip)('x', () => undefined);\n",
    expected: [],
  },
];

/** The layering rule sees nothing in a folder that does not exist (yet). */
const CASES = ALL_CASES.filter(
  ({ file, expected }) => !expected.includes(LAYERING) || existsSync(dirname(file)),
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

async function checkCase({ file, code, expected }) {
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
