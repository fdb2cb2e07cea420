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
} from '../__testUtils__/discoveryData';
import { reconcile, Reconciliation } from './reconcile';
import { DiscoveryResult } from './types';

/** The strictest guard: holds back everything that counts as a removal. */
const NEVER = { maxPercentage: 0, holdForMs: 24 * HOUR };
const OFF = { maxPercentage: 100, holdForMs: 24 * HOUR };

function decide(result: DiscoveryResult, policy = OFF): Promise<Reconciliation> {
  return reconcile({ result, state: createState(result.known), policy, nowMs: NOW });
}

/** The state that the next run starts from, for repositories with files. */
function filesRemembered(plan: Reconciliation) {
  return (plan.state?.repositories ?? [])
    .filter(repository => repository.files.length > 0)
    .map(repository => [
      repository.repositoryId,
      `${repository.projectKey}/${repository.slug}`,
      repository.files.map(f => f.targetUrl),
    ]);
}

describe('reconcile, by the identity of repositories', () => {
  it.each([
    ['renamed', 'PAY/api', 'PAY/gateway'],
    ['moved to another project', 'PAY/api', 'OPS/api'],
    ['moved and renamed', 'PAY/api', 'OPS/gateway'],
  ])(
    'replaces the Location of a repository that was %s, in one mutation',
    async (_, from, to) => {
      const plan = await decide(
        discovered({
          known: [known(7, from)],
          repositories: [ended(7, to, registered(to))],
        }),
        NEVER,
      );
      expect(plan.mutation).toBe('full');
      expect(plan.locations).toEqual([location(7, to)]);
      expect(plan.removed).toEqual([location(7, from)]);
      expect(plan.replaced).toEqual(new Map([[target(from), 'other-target']]));
      expect(plan.heldBack).toEqual([]);
      expect(filesRemembered(plan)).toEqual([[7, to, [target(to)]]]);
    },
  );

  it('replaces the Locations of another branch even when no removal is allowed', async () => {
    const onMain = { ...file('PAY/api'), targetUrl: target('PAY/api', 'c.yaml') };
    const onDevelop = {
      ...onMain,
      targetUrl: target('PAY/api', 'c.yaml', 'feature/a&b+c'),
    };
    const plan = await decide(
      discovered({
        known: [known(7, 'PAY/api', [onMain])],
        repositories: [ended(7, 'PAY/api', { kind: 'registered', files: [onDevelop] })],
      }),
      NEVER,
    );
    expect(getTargets(plan.locations)).toEqual([onDevelop.targetUrl]);
    expect(plan.heldBack).toEqual([]);
    expect(getTargets(plan.removed)).toEqual([onMain.targetUrl]);
  });

  it.each([
    ['five', 5, 0],
    ['six', 6, 6],
  ])(
    'holds back the Locations of another branch where %s go at once',
    async (_, count, held) => {
      const ids = Array.from({ length: count }, (__, index) => index + 1);
      const onDevelop = (at: string) => ({
        ...file(at),
        targetUrl: target(at, 'catalog-info.yaml', 'develop'),
      });
      const plan = await decide(
        discovered({
          known: ids.map(id => known(id, `PAY/r${id}`)),
          repositories: ids.map(id =>
            ended(id, `PAY/r${id}`, {
              kind: 'registered',
              files: [onDevelop(`PAY/r${id}`)],
            }),
          ),
        }),
        { maxPercentage: 30, holdForMs: 24 * HOUR },
      );
      expect(plan.heldBack).toHaveLength(held);
      expect(plan.removed).toHaveLength(count - held);
      expect(plan.locations).toHaveLength(count + held);
      expect(plan.heldBackReason ?? '').toEqual(
        held === 0
          ? ''
          : expect.stringContaining('6 of them because their file has another URL now'),
      );
    },
  );

  it('keeps the old Location of a renamed repository that is unknown', async () => {
    const plan = await decide(
      discovered({
        known: [known(7, 'PAY/api')],
        repositories: [ended(7, 'PAY/gateway', UNKNOWN)],
      }),
    );
    expect(getTargets(plan.carriedForward)).toEqual([target('PAY/api')]);
    expect(filesRemembered(plan)).toEqual([[7, 'PAY/gateway', [target('PAY/api')]]]);
  });

  it('counts a removal when a renamed repository lost its file', async () => {
    const plan = await decide(
      discovered({
        known: [known(7, 'PAY/api')],
        repositories: [ended(7, 'PAY/gateway', ABSENT)],
      }),
    );
    expect(plan.removed).toEqual([location(7, 'PAY/api')]);
  });

  it('replaces one path of a renamed repository and removes the other', async () => {
    const plan = await decide(
      discovered({
        known: [
          known(7, 'PAY/api', [file('PAY/api', 'a.yaml'), file('PAY/api', 'b.yaml')]),
        ],
        repositories: [ended(7, 'PAY/gateway', registered('PAY/gateway', 'a.yaml'))],
      }),
    );
    expect(plan.removed).toEqual([
      location(7, 'PAY/api', 'a.yaml'),
      location(7, 'PAY/api', 'b.yaml'),
    ]);
    expect(plan.replaced).toEqual(
      new Map([[target('PAY/api', 'a.yaml'), 'other-target']]),
    );
    expect(getTargets(plan.locations)).toEqual([target('PAY/gateway', 'a.yaml')]);
  });

  describe('a repository recreated under the same address with another id', () => {
    const before = [known(7, 'PAY/api')];

    it('keeps the Location when the new one has the file, and stores it with the new one', async () => {
      const plan = await decide(
        discovered({
          known: before,
          gone: [7],
          repositories: [ended(9, 'PAY/api', registered('PAY/api'))],
        }),
        NEVER,
      );
      expect(plan.locations).toEqual([location(9, 'PAY/api')]);
      expect(plan.removed).toEqual([]);
      expect(plan.heldBack).toEqual([]);
      expect(filesRemembered(plan)).toEqual([[9, 'PAY/api', [target('PAY/api')]]]);
    });

    it.each([
      ['PAY/api', 'PAY/api'],
      ['PAY/api', 'pay/API'],
    ])(
      'keeps the Location of %s while nothing is known about the new %s',
      async (from, to) => {
        const plan = await decide(
          discovered({
            known: [known(7, from)],
            gone: [7],
            repositories: [ended(9, to, UNKNOWN)],
          }),
        );
        expect(getTargets(plan.carriedForward)).toEqual([target(from)]);
        expect(plan.removed).toEqual([]);
      },
    );

    it.each([
      ['first', UNKNOWN, ABSENT],
      ['last', ABSENT, UNKNOWN],
    ])(
      'keeps the Location while the %s of two that were listed at its address is unknown',
      async (_, one, other) => {
        const plan = await decide(
          discovered({
            known: before,
            gone: [7],
            repositories: [ended(9, 'PAY/api', one), ended(10, 'PAY/api', other)],
          }),
        );
        expect(getTargets(plan.carriedForward)).toEqual([target('PAY/api')]);
      },
    );

    it('keeps the Location while another one that was listed at its address is unknown', async () => {
      const plan = await decide(
        discovered({
          known: before,
          repositories: [ended(7, 'PAY/api', ABSENT), ended(9, 'PAY/api', UNKNOWN)],
        }),
      );
      expect(getTargets(plan.carriedForward)).toEqual([target('PAY/api')]);
    });

    it('keeps the Location while the new one is still unknown', async () => {
      const repositories = [ended(9, 'PAY/api', UNKNOWN)];
      const first = await decide(discovered({ known: before, gone: [7], repositories }));
      const second = await decide(
        discovered({ known: first.state?.repositories, repositories }),
      );
      expect(getTargets(second.locations)).toEqual([target('PAY/api')]);
      const third = await decide(
        discovered({
          known: second.state?.repositories,
          repositories: [ended(9, 'PAY/api', ABSENT)],
        }),
      );
      expect(getTargets(third.removed)).toEqual([target('PAY/api')]);
    });

    it('removes the Location when the new one lacks the file', async () => {
      const plan = await decide(
        discovered({
          known: before,
          gone: [7],
          repositories: [ended(9, 'PAY/api', ABSENT)],
        }),
      );
      expect(getTargets(plan.removed)).toEqual([target('PAY/api')]);
      expect(plan.locations).toEqual([]);
    });

    it('keeps the Location while the old one is unknown and the new one absent', async () => {
      const plan = await decide(
        discovered({
          known: before,
          repositories: [ended(7, 'OPS/api', UNKNOWN), ended(9, 'PAY/api', ABSENT)],
        }),
      );
      expect(getTargets(plan.carriedForward)).toEqual([target('PAY/api')]);
    });
  });

  describe('two repositories that swap their slugs', () => {
    const before = [known(7, 'PAY/a'), known(9, 'PAY/b')];

    it('keep both Locations when both are registered, each for its new owner', async () => {
      const plan = await decide(
        discovered({
          known: before,
          repositories: [
            ended(7, 'PAY/b', registered('PAY/b')),
            ended(9, 'PAY/a', registered('PAY/a')),
          ],
        }),
        NEVER,
      );
      expect(plan.heldBack).toEqual([]);
      expect(plan.removed).toEqual([]);
      expect(filesRemembered(plan)).toEqual(
        expect.arrayContaining([
          [7, 'PAY/b', [target('PAY/b')]],
          [9, 'PAY/a', [target('PAY/a')]],
        ]),
      );
    });

    it.each([
      ['one', registered('PAY/b')],
      ['both', UNKNOWN],
    ])(
      'keep both Locations while %s of them is unknown, run after run',
      async (_, outcome) => {
        const repositories = [ended(7, 'PAY/b', outcome), ended(9, 'PAY/a', UNKNOWN)];
        const first = await decide(discovered({ known: before, repositories }));
        expect(getTargets(first.locations)).toEqual([target('PAY/a'), target('PAY/b')]);
        const second = await decide(
          discovered({
            known: first.state?.repositories,
            repositories: [
              ended(7, 'PAY/b', registered('PAY/b')),
              ended(9, 'PAY/a', UNKNOWN),
            ],
          }),
        );
        expect(getTargets(second.locations)).toEqual([target('PAY/a'), target('PAY/b')]);
      },
    );

    it('keep both Locations when an interrupted run saw the swap first', async () => {
      const cut = await decide(
        discovered({
          known: before,
          complete: false,
          repositories: [ended(7, 'PAY/b', UNKNOWN), ended(9, 'PAY/a', UNKNOWN)],
        }),
      );
      const next = await decide(
        discovered({
          known: cut.state?.repositories,
          repositories: [
            ended(7, 'PAY/b', registered('PAY/b')),
            ended(9, 'PAY/a', UNKNOWN),
          ],
        }),
      );
      expect(getTargets(next.locations)).toEqual([target('PAY/a'), target('PAY/b')]);
    });

    it('lose only the Location of the one without the file', async () => {
      const plan = await decide(
        discovered({
          known: before,
          repositories: [
            ended(7, 'PAY/b', registered('PAY/b')),
            ended(9, 'PAY/a', ABSENT),
          ],
        }),
      );
      expect(getTargets(plan.locations)).toEqual([target('PAY/b')]);
    });
  });

  it('keeps the Location at the former address of a renamed repository while its new owner is unknown', async () => {
    const plan = await decide(
      discovered({
        known: [known(7, 'PAY/a')],
        repositories: [
          ended(7, 'PAY/b', registered('PAY/b')),
          ended(9, 'PAY/a', UNKNOWN),
        ],
      }),
    );
    expect(getTargets(plan.locations)).toEqual([target('PAY/a'), target('PAY/b')]);
    expect(getTargets(plan.carriedForward)).toEqual([target('PAY/a')]);
  });

  it('keeps a held removal while the new owner of its address is unknown', async () => {
    const first = await decide(
      discovered({
        known: [known(7, 'PAY/a')],
        repositories: [ended(7, 'PAY/b', ABSENT), ended(9, 'PAY/a', EXCLUDED)],
      }),
      NEVER,
    );
    expect(getTargets(first.heldBack)).toEqual([target('PAY/a')]);
    const second = await decide(
      discovered({
        known: first.state?.repositories,
        repositories: [ended(7, 'PAY/b', ABSENT), ended(9, 'PAY/a', UNKNOWN)],
      }),
    );
    expect(getTargets(second.carriedForward)).toEqual([target('PAY/a')]);
  });

  it('keeps a target once when two stored repositories share it and one of them is unknown', async () => {
    const shared = [known(7, 'PAY/a'), known(9, 'PAY/a')];
    const plan = await decide(
      discovered({
        known: shared,
        gone: [7],
        repositories: [ended(9, 'PAY/b', UNKNOWN)],
      }),
    );
    expect(getTargets(plan.locations)).toEqual([target('PAY/a')]);
    expect(plan.carriedForward).toHaveLength(1);
    expect(plan.removed).toEqual([]);
  });

  it('keeps the Location of an unknown repository of which only the address is stored', async () => {
    const plan = await decide(
      discovered({
        known: [known(-1, 'PAY/api')],
        repositories: [ended(-1, 'PAY/api', UNKNOWN)],
      }),
    );
    expect(filesRemembered(plan)).toEqual([[-1, 'PAY/api', [target('PAY/api')]]]);
  });
});
