/** Names that no database, URL or terminal takes cost the repository that has them, and no other. */

import { createSimulatedBitbucket, FaultMatch } from '../../dev/simulatedBitbucket';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';

const CHARACTERS = [
  ['NUL', '\0'],
  ['an escape sequence', '\u001b[2J'],
  ['half of a surrogate pair', '\ud800'],
] as const;

/** What must not get anywhere, plain or as it stands in JSON. */
// eslint-disable-next-line no-control-regex
const DANGEROUS = /[\0\u001b\ud800]|\\u0000|\\u001b|\\ud800/;

const LISTING: FaultMatch = { kind: 'repositories' };
const ONE_FILE: FaultMatch = { kind: 'files-listing', repositorySlug: 'web' };

const toUrl = (slug: string, path = 'catalog-info.yaml') =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/${path}`;

async function connect(config = {}) {
  const bitbucket = createSimulatedBitbucket({
    baseUrl: 'http://bitbucket.test',
    users: [TEST_USER],
  });
  for (const slug of ['api', 'web']) {
    const files = { 'catalog-info.yaml': '' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const provider = await connectTestProvider({ bitbucket, config });
  const targets = () => provider.connection.targets().sort();
  /** Puts a character behind a text wherever answers have it. */
  const spoil = (match: FaultMatch, text: string, character: string) => {
    const spoiled = text + JSON.stringify(character).slice(1, -1);
    const body = (real: string) => real.replace(text, spoiled);
    return bitbucket.faults.add({ match, effect: { type: 'body', body } });
  };
  return { ...provider, bitbucket, targets, spoil };
}

describe.each(CHARACTERS)('%s', (_, character) => {
  it.each([
    ['slug', '"slug":"web'],
    ['project key', '"key":"PAY'],
  ])('in the %s of a row does not affect the other repositories', async (_name, text) => {
    const { run, targets, spoil, logger } = await connect();
    spoil(LISTING, text, character);
    await run();
    expect(targets()).toHaveLength(1);
    expect(logger.messages('warn').join()).toContain('Skipped 1 item of the listing');
    expect(logger.text()).not.toMatch(DANGEROUS);
  });

  it('in the row of a known repository removes none of its files', async () => {
    const { run, targets, spoil } = await connect();
    await run();
    spoil(LISTING, '"slug":"web', character);
    await run();
    expect(targets()).toEqual([toUrl('api'), toUrl('web')]);
    spoil({ kind: 'repository' }, '"slug":"web', character);
    await run();
    expect(targets()).toEqual([toUrl('api'), toUrl('web')]);
  });

  it.each(['"name":"web', 'repos/web/browse', '"scmId":"'])(
    'after %s changes nothing',
    async text => {
      const { run, targets, spoil } = await connect();
      spoil(LISTING, text, character);
      await run();
      expect(targets()).toEqual([toUrl('api'), toUrl('web')]);
    },
  );

  it('in the state of a repository reaches neither the log nor the report', async () => {
    const { run, reports, spoil, logger } = await connect();
    spoil(LISTING, 'AVAILABLE', character);
    await run();
    const page = { outcome: 'unknown', limit: 10, offset: 0 } as const;
    const rows = JSON.stringify(await reports.pageRepositories('default', page));
    expect(rows).toContain('not-available');
    expect(rows + logger.text()).not.toMatch(DANGEROUS);
  });
});

it.each([
  ['NUL', '\0'],
  ['half of a surrogate pair', '\ud800'],
])('%s in the path of a file makes its repository unknown', async (_, character) => {
  const { run, targets, spoil, logger } = await connect({ catalogPath: '/**/*.yaml' });
  spoil(ONE_FILE, 'catalog-info', character);
  await run();
  expect(targets()).toEqual([toUrl('api')]);
  expect(logger.messages('warn').join()).toContain('PAY/web unknown: unexpected-answer');
});

it('reads a file whose path contains a control character, and never prints the character', async () => {
  const { bitbucket, run, targets, logger } = await connect({
    catalogPath: '/**/*.yaml',
  });
  bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'odd',
    files: { 'a\u001b[2J.yaml': '' },
  });
  await run();
  expect(targets()).toContain(toUrl('odd', 'a%1B%5B2J.yaml'));
  expect(logger.text()).not.toMatch(DANGEROUS);
});
