import {
  ABSENT,
  discovered,
  ended,
  EXCLUDED,
  file,
  HOUR,
  known,
  location,
  createState,
  NOW,
  registered,
  target,
  getTargets,
  UNKNOWN,
  knownById,
} from '../__testUtils__/discoveryData';
import { RepositoryOutcome } from '../model';
import { RemovalPolicy } from './planRemovals';
import { reconcile, Reconciliation } from './reconcile';
import { DiscoveryResult, KnownRepository, ProviderState } from './types';

const OFF: RemovalPolicy = { maxPercentage: 100, holdForMs: 24 * HOUR };
const GUARD: RemovalPolicy = { maxPercentage: 30, holdForMs: 24 * HOUR };

function decide(
  result: DiscoveryResult,
  rest: {
    held?: ProviderState['held'];
    policy?: RemovalPolicy;
    state?: 'unknown';
  } = {},
): Promise<Reconciliation> {
  const { held, policy = OFF, state } = rest;
  return reconcile({
    result,
    state: state === 'unknown' ? undefined : createState(result.known, held),
    policy,
    nowMs: NOW,
  });
}

function remembered(plan: Reconciliation, id: number): KnownRepository | undefined {
  return plan.state?.repositories.find(repository => repository.repositoryId === id);
}

describe('reconcile', () => {
  it.each<[string, readonly string[] | undefined, readonly string[]]>([
    ['those of the listing', ['https://new.test'], ['https://new.test']],
    ['the previous ones after an empty listing', [], ['https://old.test']],
    ['the previous ones when there was none', undefined, ['https://old.test']],
  ])('stores as base URLs of the server %s', async (_, serverUrls, stored) => {
    for (const complete of [true, false]) {
      const result = { ...discovered({ complete }), serverUrls };
      const state = { ...createState([]), serverUrls: ['https://old.test'] };
      const plan = await reconcile({ result, state, policy: OFF, nowMs: NOW });
      expect(plan.state?.serverUrls).toEqual(stored);
    }
  });

  describe('a repository that the catalog has', () => {
    it.each<[string, RepositoryOutcome]>([
      ['registered', registered('PAY/api')],
      ['unknown', UNKNOWN],
      [
        'not reached before the end',
        { kind: 'unknown', reason: 'not-checked', detail: '' },
      ],
      ['no longer permitted', { kind: 'unknown', reason: 'not-permitted', detail: '' }],
    ])('keeps its Location when it is %s', async (_, outcome) => {
      const plan = await decide(
        discovered({
          known: [known(7, 'PAY/api', [file('PAY/api')], NOW - HOUR)],
          repositories: [ended(7, 'PAY/api', outcome)],
        }),
      );
      expect(plan.mutation).toBe('full');
      expect(plan.locations).toEqual([location(7, 'PAY/api')]);
      expect(plan.removed).toEqual([]);
      expect(plan.heldBack).toEqual([]);
    });

    it.each<[string, RepositoryOutcome]>([
      ['absent', ABSENT],
      ['empty', { kind: 'absent', reason: 'empty-repository' }],
      ['without the branch', { kind: 'absent', reason: 'branch-not-found' }],
      ['excluded', EXCLUDED],
      ['registered for another file only', registered('PAY/api', 'other.yaml')],
    ])('loses its Location when it is %s', async (_, outcome) => {
      const plan = await decide(
        discovered({
          known: [known(7, 'PAY/api')],
          repositories: [ended(7, 'PAY/api', outcome)],
        }),
      );
      expect(plan.removed).toEqual([location(7, 'PAY/api')]);
      expect(getTargets(plan.locations)).not.toContain(target('PAY/api'));
      expect(plan.carriedForward).toEqual([]);
    });

    it('loses its Location and its stored state when it is proven gone', async () => {
      const plan = await decide(discovered({ known: [known(7, 'PAY/api')], gone: [7] }));
      expect(plan.removed).toEqual([location(7, 'PAY/api')]);
      expect(plan.locations).toEqual([]);
      expect(plan.state).toEqual({ repositories: [], held: [] });
    });

    it('keeps its Location when the run has no result for it', async () => {
      const plan = await decide(discovered({ known: [known(7, 'PAY/api')], gone: [8] }));
      expect(plan.carriedForward).toEqual([location(7, 'PAY/api')]);
      expect(plan.locations).toEqual([location(7, 'PAY/api')]);
      expect(remembered(plan, 7)).toMatchObject(known(7, 'PAY/api'));
    });

    it.each(['required', 'optional'] as const)(
      'keeps a Location as %s when it is unknown',
      async presence => {
        const files = [{ ...file('PAY/api'), presence }];
        const plan = await decide(
          discovered({
            known: [known(7, 'PAY/api', files, NOW - HOUR)],
            repositories: [ended(7, 'PAY/api', UNKNOWN)],
          }),
        );
        expect(plan.locations.map(location => location.file)).toEqual(files);
        expect(remembered(plan, 7)?.files).toEqual(files);
      },
    );

    it('keeps all its Locations when it is unknown, and counts them as carried forward', async () => {
      const files = [file('PAY/api', 'a.yaml'), file('PAY/api', 'b.yaml')];
      const plan = await decide(
        discovered({
          known: [known(7, 'PAY/api', files, NOW - HOUR)],
          repositories: [ended(7, 'PAY/api', UNKNOWN)],
        }),
      );
      expect(plan.carriedForward).toHaveLength(2);
      expect(plan.locations).toEqual(plan.carriedForward);
      const { revision: _, ...kept } = known(7, 'PAY/api', files, NOW - HOUR);
      expect(remembered(plan, 7)).toMatchObject(kept);
    });

    it('loses only the deleted files when it has several', async () => {
      const plan = await decide(
        discovered({
          known: [
            known(7, 'PAY/api', [file('PAY/api', 'a.yaml'), file('PAY/api', 'b.yaml')]),
          ],
          repositories: [ended(7, 'PAY/api', registered('PAY/api', 'b.yaml', 'c.yaml'))],
        }),
      );
      expect(plan.removed).toEqual([location(7, 'PAY/api', 'a.yaml')]);
      expect(getTargets(plan.locations)).toEqual([
        target('PAY/api', 'b.yaml'),
        target('PAY/api', 'c.yaml'),
      ]);
    });
  });

  describe('a repository that the catalog does not have', () => {
    it('gets a Location when it is registered', async () => {
      const plan = await decide(
        discovered({ repositories: [ended(7, 'PAY/api', registered('PAY/api'))] }),
      );
      expect(plan.locations).toEqual([location(7, 'PAY/api')]);
      expect(plan.removed).toEqual([]);
      expect(remembered(plan, 7)).toMatchObject(
        known(7, 'PAY/api', [file('PAY/api')], plan && NOW),
      );
    });

    it.each<[string, RepositoryOutcome, number | undefined]>([
      ['absent', ABSENT, NOW],
      ['excluded', EXCLUDED, NOW],
      ['unknown', UNKNOWN, undefined],
    ])(
      'gets none when it is %s, and is remembered without files',
      async (_, outcome, checkedAtMs) => {
        const plan = await decide(
          discovered({ repositories: [ended(7, 'PAY/api', outcome)] }),
        );
        expect(plan.locations).toEqual([]);
        expect(remembered(plan, 7)).toMatchObject(known(7, 'PAY/api', [], checkedAtMs));
      },
    );
  });

  describe('after a run that did not read everything', () => {
    const before = [
      known(1, 'PAY/found', [file('PAY/found')], NOW - HOUR),
      known(2, 'PAY/absent', [file('PAY/absent')], NOW - HOUR),
      known(3, 'PAY/unlisted', [file('PAY/unlisted')], NOW - HOUR),
      known(4, 'PAY/unknown', [file('PAY/unknown')], NOW - HOUR),
    ];
    const learned = {
      known: before,
      repositories: [
        ended(1, 'PAY/found', registered('PAY/found', 'other.yaml')),
        ended(2, 'PAY/absent', ABSENT),
        ended(4, 'PAY/unknown', UNKNOWN),
        ended(5, 'PAY/new', registered('PAY/new')),
      ],
      gone: [3],
    };
    const held = [
      {
        repositoryId: 2,
        entryKey: target('PAY/absent'),
        sinceMs: NOW,
        confirmedForMs: 0,
        approved: false,
      },
    ];

    it.each<[string, Partial<DiscoveryResult>]>([
      [
        'the run was aborted',
        { interruption: { kind: 'aborted', error: new Error('stop') } },
      ],
      ['the run failed', { interruption: { kind: 'failed', error: new Error('no') } }],
      [
        'the listing is not complete',
        { listing: discovered({ complete: false }).listing },
      ],
    ])('adds what it found and removes nothing because %s', async (_, how) => {
      const plan = await decide({ ...discovered(learned), ...how }, { held });
      expect(plan).toMatchObject({
        mutation: 'add-only',
        removed: [],
        carriedForward: [],
      });
      expect(getTargets(plan.heldBack)).toEqual([target('PAY/absent')]);
      expect(plan.heldBackReason).toContain('1 removal held back by earlier runs waits');
      expect(getTargets(plan.locations)).toEqual(
        [target('PAY/found', 'other.yaml'), target('PAY/new')].sort(),
      );
    });

    it('names the number of removals that wait for a complete run', async () => {
      const getHeld = (repositoryId: number, at: string) =>
        held.map(one => ({ ...one, repositoryId, entryKey: target(at) }));
      const plan = await decide(discovered({ ...learned, complete: false }), {
        held: [...held, ...getHeld(3, 'PAY/unlisted'), ...getHeld(4, 'PAY/unknown')],
      });
      expect(plan.heldBackReason).toBe(
        '3 removals held back by earlier runs wait for a complete run',
      );
    });

    it('says nothing about held removals when there are none', async () => {
      const plan = await decide(discovered({ ...learned, complete: false }));
      expect(plan).toMatchObject({ heldBack: [], heldBackReason: undefined });
    });

    it('stores the Locations that the catalog had and those that were added', async () => {
      const plan = await decide(discovered({ ...learned, complete: false }), { held });
      expect(plan.state?.held).toEqual(held);
      expect(plan.state?.repositories).toMatchObject([
        known(1, 'PAY/found', [file('PAY/found', 'other.yaml'), file('PAY/found')], NOW),
        known(2, 'PAY/absent', [file('PAY/absent')], NOW),
        before[2],
        before[3],
        known(5, 'PAY/new', [file('PAY/new')], NOW),
      ]);
    });

    it('removes nothing and stores nothing while the content of the catalog is not known', async () => {
      const plan = await decide(discovered({ ...learned, known: [], gone: [] }), {
        state: 'unknown',
      });
      expect(plan).toMatchObject({
        mutation: 'add-only',
        removed: [],
        state: undefined,
      });
      expect(plan.locations).toHaveLength(2);
    });
  });

  describe('held removals', () => {
    const all = Array.from({ length: 10 }, (_, id) => known(id, `PAY/r${id}`));
    const lost = (count: number) =>
      discovered({
        known: all,
        repositories: all.map(({ repositoryId: id }) =>
          ended(id, `PAY/r${id}`, id < count ? ABSENT : registered(`PAY/r${id}`)),
        ),
      });

    it('stay among the Locations and in the state, with their start time', async () => {
      const plan = await decide(lost(6), { policy: GUARD });
      expect(plan.heldBack).toHaveLength(6);
      expect(plan.heldBackReason).toContain('6 of 10 Locations');
      expect(plan.locations).toHaveLength(10);
      expect(plan.removed).toEqual([]);
      expect(plan.state?.held).toHaveLength(6);
      expect(remembered(plan, 0)).toMatchObject(
        known(0, 'PAY/r0', [file('PAY/r0')], NOW),
      );
    });

    it('do not include a few removals', async () => {
      const plan = await decide(lost(5), { policy: GUARD });
      expect(plan.removed).toHaveLength(5);
      expect(plan.heldBackReason).toBeUndefined();
      expect(plan.locations).toHaveLength(5);
    });

    it('are applied once every run has confirmed them for long enough', async () => {
      const first = await decide(lost(6), { policy: GUARD });
      const later = await reconcile({
        result: { ...lost(6), known: knownById(first.state?.repositories ?? []) },
        state: first.state,
        policy: GUARD,
        nowMs: NOW + 24 * HOUR,
        sinceConfirmationMs: 24 * HOUR,
      });
      expect(later.removed).toHaveLength(6);
      expect(later.state?.held).toEqual([]);
      expect(later.locations).toHaveLength(4);
    });

    it('count each target once, however many repositories are stored with it', async () => {
      const twice = [
        ...all,
        ...all.map(repository => ({
          ...repository,
          repositoryId: repository.repositoryId + 100,
        })),
      ];
      const plan = await decide(
        {
          ...lost(4),
          known: knownById(twice),
          goneRepositoryIds: new Set(
            twice.slice(10).map(repository => repository.repositoryId),
          ),
        },
        { policy: GUARD },
      );
      expect(plan.removed).toHaveLength(4);
      expect(plan.heldBack).toEqual([]);
    });
  });
});
