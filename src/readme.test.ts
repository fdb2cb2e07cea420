/** Holds the README to the code: every example is run or read, every code is listed. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigReader } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import { parse } from 'yaml';
import { readProviderConfigs } from './config/readProviderConfigs';
import { ABSENCE_REASONS, EXCLUSION_REASONS, UNKNOWN_REASONS } from './model';

const ROOT = path.resolve(__dirname, '..');
const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
/** The formatter pads the cells of tables. */
const UNPADDED = README.replace(/ {2,}/g, ' ');

function blocksOf(language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm');
  return [...README.matchAll(pattern)].map(([, block = '']) => block);
}

function scriptsOfPackage(): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  return Object.keys(scripts);
}

describe('the README', () => {
  it('has configuration examples that the module accepts', () => {
    const examples = blocksOf('yaml');

    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) {
      const data: JsonObject = parse(example);
      expect(readProviderConfigs(new ConfigReader(data))).not.toEqual([]);
    }
  });

  it('names only commands that the package has', () => {
    const commands = blocksOf('sh').flatMap(block => block.split(/\n|&&/));
    const named = commands.flatMap(command => {
      const [, script] = /^\s*npm (?:run )?([a-z:-]+)/.exec(command) ?? [];
      return script === undefined || script === 'install' ? [] : [script];
    });

    expect(named).toEqual(expect.arrayContaining(['start', 'test', 'lint']));
    expect(scriptsOfPackage()).toEqual(expect.arrayContaining(named));
  });

  it.each([
    ...EXCLUSION_REASONS.map(reason => ['excluded', reason]),
    ...ABSENCE_REASONS.map(reason => ['absent', reason]),
    ...UNKNOWN_REASONS.map(reason => ['unknown', reason]),
  ])('explains the outcome %s for %s', (outcome, reason) => {
    expect(UNPADDED).toContain(`| \`${outcome}\` | \`${reason}\` |`);
  });

  it('lists no reason that does not exist', () => {
    const rows = UNPADDED.matchAll(
      /^\| `(?:excluded|absent|unknown)` \| `([a-z-]+)` \|/gm,
    );
    const listed = [...rows].map(([, reason]) => reason);

    expect(listed.sort()).toEqual(
      [...EXCLUSION_REASONS, ...ABSENCE_REASONS, ...UNKNOWN_REASONS].sort(),
    );
  });

  it('works out its own example of capacity planning', () => {
    const [runsPerHour, listed, files, intervalSeconds] = [2, 5000, 1000, 3600];
    const catalogReads = (files * 3600) / intervalSeconds;
    const total = runsPerHour * (listed / 1000 + listed) + catalogReads;

    expect(README).toContain(`= ${total.toLocaleString('en-US')} requests per hour`);
    expect(README).toContain(
      `the catalog's own reads are ${catalogReads.toLocaleString('en-US')}`,
    );
  });
});
