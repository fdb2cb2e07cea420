/**
 * The parts of the guide, which consists of the README and the pages in `docs`. For the tests
 * that compare it with the code.
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BackendFeature } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { parse } from 'yaml';
import { z } from 'zod';

/** The root of the package. */
export const ROOT = path.resolve(__dirname, '../..');

/** Pages with separate tests, since their examples have another context. */
const PAGES_OF_THEIR_OWN = ['location-parsers.md', 'migrating.md'];

/** One page of the guide. */
export interface Page {
  /** From the root of the package. */
  readonly file: string;
  readonly text: string;
}

function readPages(): Page[] {
  const inDocs = readdirSync(path.join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md') && !PAGES_OF_THEIR_OWN.includes(name))
    .map(name => `docs/${name}`);
  return ['README.md', ...inDocs].map(file => ({
    file,
    text: readFileSync(path.join(ROOT, file), 'utf8'),
  }));
}

/** All pages, the README first. */
export const PAGES: readonly Page[] = readPages();

/** The text of all pages. */
export const GUIDE = PAGES.map(({ text }) => text).join('\n');

/** The host of Bitbucket in all examples. */
export const EXAMPLE_HOST = 'bitbucket.example.com';

/** The URL of the backend in all examples. */
export const EXAMPLE_BACKSTAGE = 'https://backstage.example.com';

/** The environment variables of the examples. */
export const EXAMPLE_ENV: Readonly<Record<string, string>> = {
  BITBUCKET_USERNAME: 'backstage',
  BITBUCKET_PASSWORD: 'Tr0ub4dor-secret',
  BITBUCKET_TOKEN: 'a-secret-token',
  BITBUCKET_WEBHOOK_SECRET: 'a-webhook-secret',
  BACKSTAGE_TOKEN: 'a-static-token',
};

const Manifest = z.object({
  engines: z.object({ node: z.string() }),
  name: z.string(),
  version: z.string(),
  scripts: z.record(z.string(), z.string()),
  bin: z.record(z.string(), z.string()),
  exports: z.record(z.string(), z.string()),
});

/** The parts of `package.json` to which the README refers. */
export function readManifest(): z.infer<typeof Manifest> {
  return Manifest.parse(
    JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')),
  );
}

/** The text of each fenced block of a language, in order. */
export function getBlocks(language: string, text = GUIDE): string[] {
  const pattern = new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^\\1\`\`\`$`, 'gm');
  return [...text.matchAll(pattern)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** The languages of all fenced blocks. */
export function blockLanguages(): string[] {
  return [...GUIDE.matchAll(/^( *)```(\w*)\n[^]*?^\1```$/gm)].map(
    ([, , language = '']) => language,
  );
}

/** Examples of configuration, with the variables of the environment filled in. */
export function configExamples(): JsonObject[] {
  return getBlocks('yaml').map(text => {
    const filled = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
      const value = EXAMPLE_ENV[name];
      if (value === undefined) {
        throw new Error(
          `the guide takes ${name} from the environment, the test does not`,
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

/** Returns the packages that the `ts` blocks install, each once, in order of appearance. */
export function installedPackages(): string[] {
  const calls = getBlocks('ts').flatMap(block => [
    ...block.matchAll(/^backend\.add\(\s*import\('([^']+)'\),?\s*\);$/gm),
  ]);
  return [...new Set(calls.map(([, name = '']) => name))];
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
