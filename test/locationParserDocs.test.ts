/** The page on location parsers: its code is the example in other tests. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigReader } from '@backstage/config';
import { parse } from 'yaml';
import { ROOT } from './__testUtils__/readmeText';
import { readProviderConfigs } from '../src/config/__testUtils__/readOneProvider';

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const PAGE = read('docs/location-parsers.md');
const NAME = 'backstage-plugin-catalog-backend-module-bitbucket-server';

function getBlock(language: string): string {
  const [, block = ''] =
    new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(PAGE) ?? [];
  return block;
}

describe('the page on location parsers', () => {
  it('shows the example in dev/ with the import that a user writes', () => {
    const source = read('dev/parsers/repositoryMetadata.ts');
    const code = source.slice(source.indexOf('import {'));

    expect(getBlock('ts')).toBe(code.replace("'../../src'", `'${NAME}'`));
  });

  it('shows a configuration that works', () => {
    const example: unknown = parse(getBlock('yaml'));
    const host = 'bitbucket.example.com';
    const config = ConfigReader.fromConfigs([
      { context: 'page', data: JSON.parse(JSON.stringify(example)) },
      {
        context: 'integration',
        data: {
          integrations: {
            bitbucketServer: [{ host, apiBaseUrl: `https://${host}/rest/api/1.0` }],
          },
        },
      },
    ]);

    expect(readProviderConfigs(config)).toMatchObject([
      { validateLocationsExist: false },
    ]);
  });

  it('names existing files', () => {
    const files = PAGE.match(/dev\/[\w./-]+\.(ts|yaml)/g) ?? [];

    expect(files).toHaveLength(2);
    files.forEach(file => expect(read(file)).not.toBe(''));
  });
});
