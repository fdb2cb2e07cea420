/**
 * Crosses each fault with each place of a run: Bitbucket is never hammered, and nothing is
 * removed on doubt.
 */

import { createSimulatedBitbucket, FaultMatch } from '../../dev/simulatedBitbucket';
import { faultNamed, faultNames, SECRETS } from '../__testUtils__/matrixFaults';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';

/**
 * What each fault leads to, and how often the faulty answer is asked for.
 *
 * - `stops`: the run fails and asks nothing more
 * - `incomplete`: the run fails, since the listing could not be read to its end
 * - `unknown`: the run succeeds; the one repository that was hit stays as it is
 * - `complete`: the run succeeds and knows everything
 * - `gone`: the run succeeds; the one repository that was hit is proven gone
 * - `(a)`, `(b)`: there is no such cell, see IMPOSSIBLE
 */
const MATRIX = `
  place:              | first page   | later page   | all listings | file check | files listing | settings   | renamed   | missing
  wrong password      | stops 1      | stops 1      | stops 1      | stops 1    | stops 1       | stops 1    | stops 1   | stops 1
  CAPTCHA             | stops 1      | stops 1      | stops 1      | stops 1    | stops 1       | stops 1    | stops 1   | stops 1
  not permitted (401) | incomplete 1 | incomplete 1 | incomplete 1 | unknown 1  | unknown 1     | complete 1 | unknown 1 | unknown 1
  forbidden (403)     | incomplete 1 | incomplete 1 | incomplete 1 | unknown 1  | unknown 1     | complete 1 | unknown 1 | unknown 1
  repository gone     | (a)          | (a)          | (a)          | unknown 1  | unknown 1     | (a)        | unknown 1 | gone 1
  unknown route       | complete 1   | incomplete 1 | incomplete 2 | unknown 1  | unknown 1     | complete 1 | unknown 1 | unknown 1
  429, Retry-After    | incomplete 6 | incomplete 6 | incomplete 6 | unknown 6  | unknown 6     | complete 6 | unknown 6 | unknown 6
  429, no hint        | incomplete 6 | incomplete 6 | incomplete 6 | unknown 6  | unknown 6     | complete 6 | unknown 6 | unknown 6
  500                 | incomplete 2 | incomplete 2 | incomplete 2 | unknown 2  | unknown 2     | complete 2 | unknown 2 | unknown 2
  502                 | incomplete 4 | incomplete 4 | incomplete 4 | unknown 4  | unknown 4     | complete 4 | unknown 4 | unknown 4
  503                 | incomplete 4 | incomplete 4 | incomplete 4 | unknown 4  | unknown 4     | complete 4 | unknown 4 | unknown 4
  reset               | incomplete 4 | incomplete 4 | incomplete 4 | unknown 4  | unknown 4     | complete 4 | unknown 4 | unknown 4
  hang                | incomplete 4 | incomplete 4 | incomplete 4 | unknown 4  | unknown 4     | complete 4 | unknown 4 | unknown 4
  truncated JSON      | complete 1   | incomplete 1 | incomplete 2 | unknown 1  | unknown 1     | complete 1 | unknown 1 | unknown 1
  login page          | complete 1   | incomplete 1 | incomplete 2 | unknown 1  | unknown 1     | complete 1 | unknown 1 | unknown 1
  empty page          | complete 1   | complete 1   | complete 1   | (b)        | unknown 1     | (b)        | (b)       | (b)
  looping page        | incomplete 1 | incomplete 1 | incomplete 1 | (b)        | unknown 1     | (b)        | (b)       | (b)
  page elsewhere      | (c)          | (c)          | (c)          | unknown 1  | (c)           | complete 1 | unknown 1 | unknown 1
`;

const IMPOSSIBLE: Record<string, string> = {
  '(a)': 'neither the listing of a server nor its settings speak of one repository',
  '(b)': 'the answer has no pages: see "page elsewhere"',
  '(c)': 'the answer is a page: see "empty page"',
};

interface Place {
  /** Which requests the fault hits. */
  readonly match: FaultMatch;
  /** What happened at the server since the good run; `PAY/e` has lost its file anyway. */
  readonly change?: 'c is renamed before its check' | 'c is deleted';
  /** The backend was restarted since the good run, so the settings are read again. */
  readonly restarted?: true;
  readonly catalogPath?: string[];
}

const LISTINGS = ['repositories', 'projects', 'project-repositories'] as const;

const PLACES: Record<string, Place> = {
  'first page': { match: { kind: 'repositories', start: 0 } },
  'later page': { match: { kind: 'repositories', start: 2 } },
  'all listings': { match: { kind: LISTINGS } },
  'file check': { match: { kind: 'file-check', repositorySlug: 'c' } },
  'files listing': {
    match: { kind: 'files-listing', repositorySlug: 'c' },
    catalogPath: ['/catalog-info.yaml', '/docs/**/catalog-info.yaml'],
  },
  settings: { match: { kind: 'rate-limit-settings' }, restarted: true },
  renamed: {
    match: { kind: 'file-check', repositorySlug: 'c' },
    change: 'c is renamed before its check',
  },
  missing: {
    match: { kind: 'repository', repositorySlug: 'c' },
    change: 'c is deleted',
  },
};

/** Requests of the dearest run there is: pages, confirmations, checks, the way around. */
const MOST_REQUESTS_BESIDES_FAULTS = 16;

const CONCURRENCY = 2;

const targetsOf = (slugs: string) =>
  [...slugs.split(' ')].map(
    slug => `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`,
  );

/** A server of five repositories on three pages, all in the catalog from a good run. */
async function discover(place: Place) {
  const bitbucket = createSimulatedBitbucket({
    users: [TEST_USER],
    pageCaps: { repositories: 2 },
  });
  for (const slug of ['a', 'b', 'c', 'd', 'e']) {
    const files = { 'catalog-info.yaml': 'kind: Component', 'README.md': slug };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const config = {
    concurrency: CONCURRENCY,
    ...(place.catalogPath && { catalogPath: place.catalogPath }),
  };
  const before = await connectTestProvider({ bitbucket, config });
  await before.run();
  expect(before.connection.targets()).toEqual(targetsOf('a b c d e'));
  const tested = place.restarted
    ? await connectTestProvider({ ...before, bitbucket, config })
    : before;
  bitbucket.clearRequests();
  bitbucket.removeFile('PAY', 'e', 'catalog-info.yaml');
  if (place.change === 'c is deleted') {
    bitbucket.deleteRepository('PAY', 'c');
  }
  if (place.change === 'c is renamed before its check') {
    bitbucket.faults.add({
      match: ({ kind }) => {
        if (kind === 'file-check' && bitbucket.findRepository('PAY', 'c')) {
          bitbucket.renameRepository('PAY', 'c', 'c2');
        }
        return false;
      },
      effect: 'reset',
    });
  }
  return { ...tested, bitbucket };
}

/** What the catalog holds once everything is known. */
function targetsWhenKnown(place: Place): string[] {
  switch (place.change) {
    case 'c is deleted':
      return targetsOf('a b d');
    case 'c is renamed before its check':
      return targetsOf('a b c2 d');
    default:
      return targetsOf('a b c d');
  }
}

const EXPECTED = {
  stops: { fails: true, unknown: false, targets: () => targetsOf('a b c d e') },
  incomplete: { fails: true, unknown: false, targets: () => targetsOf('a b c d e') },
  unknown: { fails: false, unknown: true, targets: () => targetsOf('a b c d') },
  complete: { fails: false, unknown: false, targets: () => targetsOf('a b c d') },
  gone: { fails: false, unknown: false, targets: () => targetsOf('a b d') },
};
type Expected = keyof typeof EXPECTED;
const isExpected = (word: string): word is Expected => Object.hasOwn(EXPECTED, word);

interface Cell {
  readonly faultName: string;
  readonly placeName: string;
  readonly text: string;
}

function readMatrix(): Cell[] {
  const [head = [], ...rows] = MATRIX.trim()
    .split('\n')
    .map(line => line.split('|').map(cell => cell.trim()));
  const places = head.slice(1);
  return rows.flatMap(([faultName = '', ...cells]) =>
    places.map((placeName, index) => ({
      faultName,
      placeName,
      text: cells[index] ?? '',
    })),
  );
}

function expectedOf(text: string) {
  const [word = '', times = ''] = text.split(' ');
  return isExpected(word) ? { word, ...EXPECTED[word], times: Number(times) } : undefined;
}
