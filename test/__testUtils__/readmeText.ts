/** The README in its parts. For the tests that hold it to the code. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BackendFeature } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { parse } from 'yaml';
import { z } from 'zod';

/** The root of the package. */
export const ROOT = path.resolve(__dirname, '../..');

/** The whole text. */
export const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');

/** The host of Bitbucket in all examples. */
export const EXAMPLE_HOST = 'bitbucket.example.com';

/** The URL of the backend in all examples. */
export const EXAMPLE_BACKSTAGE = 'https://backstage.example.com';

/** What the examples take from the environment. */
export const EXAMPLE_ENV: Readonly<Record<string, string>> = {
  BITBUCKET_USERNAME: 'backstage',
  BITBUCKET_PASSWORD: 'Tr0ub4dor-secret',
  BITBUCKET_TOKEN: 'a-secret-token',
  BITBUCKET_WEBHOOK_SECRET: 'a-webhook-secret',
};

const Manifest = z.object({
  name: z.string(),
  scripts: z.record(z.string(), z.string()),
  bin: z.record(z.string(), z.string()),
  exports: z.record(z.string(), z.string()),
});

/** The parts of `package.json` that the README speaks of. */
export function readManifest(): z.infer<typeof Manifest> {
  return Manifest.parse(
    JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')),
  );
}

/** The text of each fenced block of a language, in order. */
export function blocksOf(language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm');
  return [...README.matchAll(pattern)].map(([, block = '']) => block);
}

/** The languages of all fenced blocks. */
export function blockLanguages(): string[] {
  return [...README.matchAll(/^```(\w*)\n[^]*?^```$/gm)].map(
    ([, language = '']) => language,
  );
}

/** The cells of each row of the table whose header begins with these names. */
export function tableRows(...header: readonly string[]): string[][] {
  const rows = (text: string) =>
    text
      .trim()
      .split('\n')
      .map(line =>
        line
          .split('|')
          .slice(1, -1)
          .map(cell => cell.trim()),
      );
  const tables = README.match(/(?:^\|.*\|\n)+/gm) ?? [];
  const [table] = tables
    .map(rows)
    .filter(([first = []]) => header.every((name, index) => first[index] === name));
  if (!table) {
    throw new Error(`the README has no table with the columns ${header.join(', ')}`);
  }
  return table.slice(2);
}

/** Examples of configuration, with the variables of the environment filled in. */
export function configExamples(): JsonObject[] {
  return blocksOf('yaml').map(text => {
    const filled = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
      const value = EXAMPLE_ENV[name];
      if (value === undefined) {
        throw new Error(
          `the README takes ${name} from the environment, the test does not`,
        );
      }
      return value;
    });
    const data: JsonObject = parse(filled);
    return data;
  });
}

const Installed = z.object({
  default: z.custom<BackendFeature>(value => value !== null && typeof value === 'object'),
});

/** Packages that the `ts` blocks install, in order. */
export function installedPackages(): string[] {
  const calls = blocksOf('ts').flatMap(block => [
    ...block.matchAll(/^backend\.add\(\s*import\('([^']+)'\),?\s*\);$/gm),
  ]);
  return calls.map(([, name = '']) => name);
}

/** What `backend.add(import(name))` installs, this package from its sources. */
export function loadFeature(name: string): BackendFeature {
  const { name: own, exports } = readManifest();
  const entry = name === own ? '.' : name.replace(own, '.');
  const file = exports[entry];
  const isOwn = name.startsWith(own);
  if (isOwn && file === undefined) {
    throw new Error(`the package does not export ${entry}`);
  }
  const target = isOwn && file !== undefined ? path.join(ROOT, file) : name;
  return Installed.parse(jest.requireActual(target)).default;
}
