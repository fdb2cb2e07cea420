import {
  ABSENT,
  discovered,
  ended,
  EXCLUDED,
  file,
  known,
  location,
  NOW,
  registered,
  UNKNOWN,
} from '../__testUtils__/discoveryData';
import { RepositoryOutcome } from '../model';
import { Announcements, summarizeProjects } from './summarizeProjects';
import { CatalogLocation, DiscoveryResult, KnownRepository } from './types';

const LAST_CHECK = NOW - 1_000;

/** A repository as stored by a check; without an outcome when `undefined`. */
function was(
  id: number,
  at: string,
  conclusive?: Exclude<RepositoryOutcome, { kind: 'unknown' }>,
): KnownRepository {
  const files = conclusive?.kind === 'registered' ? conclusive.files : [];
  return { ...known(id, at, files, LAST_CHECK), conclusive };
}
const wasAbsent = (id: number, at: string) =>
  was(id, at, { kind: 'absent', reason: 'no-catalog-file' });

/** The projects with events, and the time of the last one. */
function events(times: Readonly<Record<string, number>> = {}): Announcements {
  return { sinceMs: LAST_CHECK, lastEventMs: key => times[key] };
}

function summarize(
  result: DiscoveryResult,
  announcements?: Announcements,
  removed: readonly CatalogLocation[] = [],
) {
  const reconciliation = {
    mutation: 'full' as const,
    locations: [],
    locationsAfter: 0,
    carriedForward: [],
    heldBack: [],
    removed,
    replaced: new Map(),
    state: undefined,
  };
  return summarizeProjects({ result, reconciliation }, announcements);
}

describe('the summary by project', () => {
  it('counts registered repositories in projects with a repository that passes the filters', async () => {
    const repositories = [
      ended(1, 'PAY/api', registered('PAY/api')),
      ended(2, 'pay/web', registered('pay/web')),
      ended(3, 'PAY/none', ABSENT),
      ended(4, 'OPS/late', UNKNOWN),
      ended(5, 'OLD/gone', EXCLUDED),
    ];

    expect(await summarize(discovered({ repositories }))).toEqual([
      { projectKey: 'PAY', registered: 2, unannounced: 0 },
      { projectKey: 'OPS', registered: 0, unannounced: 0 },
    ]);
  });

  const discover = (outcome: RepositoryOutcome, before?: KnownRepository) =>
    discovered({
      repositories: [ended(1, 'PAY/api', outcome)],
      known: before ? [before] : [],
    });

  it.each([
    ['a file that was added', discover(registered('PAY/api'), wasAbsent(1, 'PAY/api'))],
    [
      'a file that was deleted',
      discover(ABSENT, was(1, 'PAY/api', registered('PAY/api'))),
    ],
    ['a new repository', discover(registered('PAY/api'))],
    [
      'a file at another path',
      discover(registered('PAY/api', 'b.yaml'), was(1, 'PAY/api', registered('PAY/api'))),
    ],
    [
      'an additional file',
      discover(
        registered('PAY/api', 'catalog-info.yaml', 'b.yaml'),
        was(1, 'PAY/api', registered('PAY/api')),
      ),
    ],
    [
      'a repository that was archived',
      discover(EXCLUDED, was(1, 'PAY/api', registered('PAY/api'))),
    ],
  ])('counts %s, unless an event about the project came', async (_, result) => {
    const count = async (announcements: Announcements) =>
      (await summarize(result, announcements)).map(found => found.unannounced);

    expect(await count(events())).toEqual([1]);
    expect(await count(events({ OPS: NOW }))).toEqual([1]);
    expect(await count(events({ PAY: LAST_CHECK - 1 }))).toEqual([1]);
    expect((await count(events({ PAY: LAST_CHECK }))).flat()).not.toContain(1);
  });

  it.each([
    [
      'an unchanged repository',
      discover(registered('PAY/api'), was(1, 'PAY/api', registered('PAY/api'))),
    ],
    ['a new repository without a file', discover(ABSENT)],
    [
      'a repository that is now unknown',
      discover(UNKNOWN, was(1, 'PAY/api', registered('PAY/api'))),
    ],
    [
      'a repository that was not known before',
      discover(registered('PAY/api'), was(1, 'PAY/api')),
    ],
    [
      'a removal that is still held back',
      discover(ABSENT, { ...wasAbsent(1, 'PAY/api'), files: [file('PAY/api')] }),
    ],
  ])('does not count %s', async (_, result) => {
    const [found] = await summarize(result, events());
    expect(found?.unannounced).toBe(0);
  });

  it('counts nothing when the results do not show changes', async () => {
    const [found] = await summarize(discover(registered('PAY/api')));
    expect(found).toEqual({ projectKey: 'PAY', registered: 1, unannounced: 0 });
  });

  it('counts a repository that is gone when it leaves the catalog, not while it is held back', async () => {
    const before = was(1, 'PAY/api', registered('PAY/api'));
    const gone = discovered({ known: [before], gone: [1] });

    expect(await summarize(gone, events())).toEqual([]);
    expect(await summarize(gone, events(), [location(1, 'PAY/api')])).toEqual([
      { projectKey: 'PAY', registered: 0, unannounced: 1 },
    ]);
    const told = events({ PAY: NOW });
    expect(await summarize(gone, told, [location(1, 'PAY/api')])).toEqual([]);
  });

  it('counts an event about the former project as announcement of a move', async () => {
    const moved = discovered({
      repositories: [ended(1, 'OPS/api', registered('OPS/api'))],
      known: [was(1, 'PAY/api', registered('PAY/api'))],
    });
    const count = async (announcements: Announcements) =>
      (await summarize(moved, announcements))[0]?.unannounced;

    expect(await count(events())).toBe(1);
    expect(await count(events({ PAY: NOW }))).toBe(0);
    expect(await count(events({ OPS: NOW }))).toBe(0);
  });
});
