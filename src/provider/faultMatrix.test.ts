/**
 * Crosses each fault with each place of a run: Bitbucket is never hammered, and nothing is
 * removed on doubt.
 */

import { createSimulatedBitbucket, FaultMatch } from '../../dev/simulatedBitbucket';
import { FAULT_NAMES, faultNamed, SECRETS } from '../__testUtils__/matrixFaults';
import {
  connectTestProvider,
  EACH_RUN_CHECKS,
  TEST_USER,
} from '../__testUtils__/testProvider';

/**
 * What each fault leads to, and how often the faulty answer is asked for.
 *
 * - `stops`: the run fails and asks nothing more; so many it had listed are left unlooked at
 * - `incomplete`: the run fails, since the listing could not be read to its end
 * - `unknown`: the run succeeds; the one repository that was hit stays as it is
 * - `complete`: the run succeeds and knows everything
 * - `gone`: the run succeeds; the one repository that was hit is proven gone
 * - 2 hits of a looping page: several pages of files are read again at one commit
 * - 7 requests: three pages that take too long, each half of the one before, and four attempts
 *   at the smallest
 * - `(a)`, `(b)`: there is no such cell, see IMPOSSIBLE
 */
const MATRIX = `
  place:                | first page           | later page           | all listings         | file check      | files listing   | settings   | renamed         | missing
  wrong password        | stops 1              | stops 1              | stops 1              | stops 1, 3 left | stops 1, 3 left | stops 1    | stops 1, 3 left | stops 1, 1 left
  CAPTCHA               | stops 1              | stops 1              | stops 1              | stops 1, 3 left | stops 1, 3 left | stops 1    | stops 1, 3 left | stops 1, 1 left
  password not accepted | stops 1              | stops 1              | stops 1              | stops 1, 3 left | stops 1, 3 left | stops 1    | stops 1, 3 left | stops 1, 1 left
  user directory down   | stops 1              | stops 1              | stops 1              | stops 1, 3 left | stops 1, 3 left | stops 1    | stops 1, 3 left | stops 1, 1 left
  proxy's login (401)   | stops 1              | stops 1              | stops 1              | stops 1, 3 left | stops 1, 3 left | stops 1    | stops 1, 3 left | stops 1, 1 left
  not permitted (401)   | incomplete 1, 5 left | incomplete 1, 3 left | incomplete 1, 5 left | unknown 1       | unknown 1       | complete 1 | unknown 1       | unknown 1
  forbidden (403)       | complete 1           | incomplete 1, 3 left | incomplete 2, 5 left | unknown 1       | unknown 1       | complete 1 | unknown 1       | unknown 1
  repository gone       | (a)                  | (a)                  | (a)                  | unknown 1       | unknown 1       | (a)        | unknown 1       | gone 1
  unknown route         | complete 1           | incomplete 1, 3 left | incomplete 2, 5 left | unknown 1       | unknown 1       | complete 1 | unknown 1       | unknown 1
  429, Retry-After      | incomplete 6, 5 left | incomplete 6, 3 left | incomplete 6, 5 left | unknown 6       | unknown 6       | complete 6 | unknown 6       | unknown 6
  429, no hint          | incomplete 6, 5 left | incomplete 6, 3 left | incomplete 6, 5 left | unknown 6       | unknown 6       | complete 6 | unknown 6       | unknown 6
  500                   | incomplete 2, 5 left | incomplete 2, 3 left | incomplete 2, 5 left | unknown 2       | unknown 2       | complete 2 | unknown 2       | unknown 2
  502                   | incomplete 4, 5 left | incomplete 4, 3 left | incomplete 4, 5 left | unknown 4       | unknown 4       | complete 4 | unknown 4       | unknown 4
  503                   | incomplete 4, 5 left | incomplete 4, 3 left | incomplete 4, 5 left | unknown 4       | unknown 4       | complete 4 | unknown 4       | unknown 4
  reset                 | incomplete 4, 5 left | incomplete 4, 3 left | incomplete 4, 5 left | unknown 4       | unknown 4       | complete 4 | unknown 4       | unknown 4
  hang                  | incomplete 7, 5 left | incomplete 4, 3 left | incomplete 7, 5 left | unknown 4       | unknown 7       | complete 4 | unknown 4       | unknown 4
  truncated JSON        | complete 1           | incomplete 1, 3 left | incomplete 2, 5 left | unknown 1       | unknown 1       | complete 1 | unknown 1       | unknown 1
  login page            | complete 1           | incomplete 1, 3 left | incomplete 2, 5 left | unknown 1       | unknown 1       | complete 1 | unknown 1       | unknown 1
  empty page            | complete 1           | complete 1           | complete 1           | (b)             | unknown 1       | (b)        | (b)             | (b)
  looping page          | incomplete 1, 3 left | incomplete 1, 1 left | incomplete 1, 3 left | (b)             | unknown 2       | (b)        | (b)             | (b)
  page elsewhere        | (c)                  | (c)                  | (c)                  | unknown 1       | (c)             | complete 1 | unknown 1       | unknown 1
`;

const IMPOSSIBLE: Record<string, string> = {
  '(a)': 'neither the listing of a server nor its settings speak of one repository',
  '(b)': 'the answer has no pages: see "page elsewhere"',
  '(c)': 'the answer is a page: see "empty page"',
};

interface Place {
  /** Which requests the fault hits. */
  readonly match: FaultMatch;
  /** What happened at the server since the good run; `PAY/a` has lost its file anyway. */
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

function placeNamed(name: string): Place {
  const place = PLACES[name];
  if (!place) {
    throw new Error(`There is no place named ${name}`);
  }
  return place;
}

/** Requests of the dearest run there is: pages, confirmations, checks, the way around. */
const MAX_REQUESTS_BESIDES_FAULTS = 16;

const CONCURRENCY = 2;

const UNTIL_NEXT_RUN_MS = 30 * 60_000;

const toTargets = (slugs: string) =>
  slugs
    .split(' ')
    .map(
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
    ...EACH_RUN_CHECKS,
    concurrency: CONCURRENCY,
    ...(place.catalogPath && { catalogPath: place.catalogPath }),
  };
  const before = await connectTestProvider({ bitbucket, config });
  await before.run();
  expect(before.connection.targets()).toEqual(toTargets('a b c d e'));
  const tested = place.restarted
    ? await connectTestProvider({ ...before, bitbucket, config })
    : before;
  await tested.clock.advance(UNTIL_NEXT_RUN_MS);
  bitbucket.clearRequests();
  bitbucket.removeFile('PAY', 'a', 'catalog-info.yaml');
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
      return toTargets('b d e');
    case 'c is renamed before its check':
      return toTargets('b c2 d e');
    default:
      return toTargets('b c d e');
  }
}

interface Outcome {
  readonly fails: boolean;
  /** Reasons of `unknown` with their counts, given that of the fault and how many were left. */
  readonly unknown: (reason: string, left: number) => Record<string, number>;
  readonly targets: (place: Place) => string[];
}

const notChecked = (_: string, left: number) =>
  Object.fromEntries(left > 0 ? [['not-checked', left]] : []);

const EVERYTHING = () => toTargets('a b c d e');

const OUTCOMES: Record<string, Outcome> = {
  stops: {
    fails: true,
    unknown: notChecked,
    targets: EVERYTHING,
  },
  incomplete: { fails: true, unknown: notChecked, targets: EVERYTHING },
  unknown: {
    fails: false,
    unknown: reason => ({ [reason]: 1 }),
    targets: () => toTargets('b c d e'),
  },
  complete: { fails: false, unknown: () => ({}), targets: targetsWhenKnown },
  gone: { fails: false, unknown: () => ({}), targets: targetsWhenKnown },
};

interface Cell {
  readonly faultName: string;
  readonly placeName: string;
  /** As it stands in the table. */
  readonly text: string;
  /** `undefined` where there is no such cell. */
  readonly outcome?: Outcome;
  /** How often the faulty answer is asked for. */
  readonly hits: number;
  readonly left: number;
}

function readMatrix(): Cell[] {
  const [head = [], ...rows] = MATRIX.trim()
    .split('\n')
    .map(line => line.split('|').map(cell => cell.trim()));
  return rows.flatMap(([faultName = '', ...texts]) =>
    head.slice(1).map((placeName, index) => {
      const text = texts[index] ?? '';
      const [, word = '', hits, left] = /^(\w+) (\d+)(?:, (\d+) left)?$/.exec(text) ?? [];
      const outcome = OUTCOMES[word];
      return {
        faultName,
        placeName,
        text,
        outcome,
        hits: Number(hits),
        left: Number(left ?? 0),
      };
    }),
  );
}

async function catchFailure(work: Promise<unknown>): Promise<Error | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return error instanceof Error ? error : undefined;
  }
}

describe('the fault matrix', () => {
  const cells = readMatrix();

  it('has a reason for each missing cell', () => {
    const without = cells.filter(cell => !cell.outcome && !IMPOSSIBLE[cell.text]);
    expect(without).toEqual([]);
    expect(cells).toHaveLength(Object.keys(PLACES).length * FAULT_NAMES.length);
  });

  it.each(cells.filter(cell => cell.outcome))(
    'reports for $faultName on $placeName: $text',
    async ({ faultName, placeName, text, outcome, hits, left }) => {
      const place = placeNamed(placeName);
      const { effect, reason = 'none', says } = faultNamed(faultName);
      const { bitbucket, connection, clock, logger, reports, run } =
        await discover(place);
      const fault = bitbucket.faults.add({ match: place.match, effect });

      const error = await catchFailure(run());

      const record = (await reports.loadDiscovery('default'))?.lastRun;
      const wanted = outcome && {
        failure: outcome.fails ? 'DiscoveryRunError' : undefined,
        status: outcome.fails ? 'failed' : 'succeeded',
        unknown: outcome.unknown(reason, left),
        targets: outcome.targets(place),
        hits,
      };
      expect({
        failure: error?.name,
        status: record?.status,
        unknown: record?.summary.reasons.unknown,
        targets: connection.targets(),
        hits: fault.hits,
      }).toEqual(wanted);
      const said = [...logger.messages('warn'), error?.message].join('\n');
      if (wanted?.failure || Object.keys(wanted?.unknown ?? {}).length > 0) {
        expect(said).toMatch(says);
      }
      const besides = bitbucket.requests.length - fault.hits;
      expect(besides).toBeLessThanOrEqual(MAX_REQUESTS_BESIDES_FAULTS);
      if (text.startsWith('stops')) {
        const refused = bitbucket.requests.findIndex(
          request => request.status === 401 || request.status === 403,
        );
        const sentLater = bitbucket.requests.slice(refused + 1);
        expect(sentLater.length).toBeLessThan(CONCURRENCY);
      }
      expect(clock.sleeping).toBe(0);
      const shown = [logger.text(), error?.stack, JSON.stringify(record), said].join(
        '\n',
      );
      SECRETS.forEach(secret => expect(shown).not.toContain(secret));

      bitbucket.faults.clear();
      await clock.advance(UNTIL_NEXT_RUN_MS);
      await run();

      const next = (await reports.loadDiscovery('default'))?.lastRun;
      const { summary } = next ?? {};
      expect(next?.status).toBe('succeeded');
      expect(summary).toMatchObject({ unknown: 0, carriedForward: 0, heldBack: 0 });
      expect(connection.targets()).toEqual(targetsWhenKnown(place));
      expect(clock.sleeping).toBe(0);
    },
  );
});

describe('a run whose credentials no longer work', () => {
  it.each([
    ['the password was changed', { password: 'another-secret' }, /rejected/],
    ['a CAPTCHA is demanded', { captchaRequired: true }, /CAPTCHA/],
  ])(
    'sends exactly one request when %s, and so does the next one',
    async (_, change, says) => {
      const { bitbucket, connection, run } = await discover({ match: {} });
      const user = bitbucket.getUser(TEST_USER.name);
      const { password, captchaRequired } = user;
      Object.assign(user, change);

      await expect(run()).rejects.toThrow(says);
      await expect(run()).rejects.toThrow(says);

      expect(bitbucket.requests).toHaveLength(2);
      expect(user.failedLogins).toBe(2);
      expect(connection.targets()).toEqual(EVERYTHING());
      Object.assign(user, { password, captchaRequired });
      await run();
      expect(connection.targets()).toEqual(toTargets('b c d e'));
    },
  );
});
