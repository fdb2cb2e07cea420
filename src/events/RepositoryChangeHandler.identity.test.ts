/** Repositories that are renamed, moved, archived or deleted, told by events. */

import { createTestStore } from '../__testUtils__/testStores';
import { toKnownRepositories } from '../store/readCatalogBaseline';
import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import {
  CATALOG_FILE,
  EventSceneOptions,
  nameOfTarget,
  startEvents,
} from './__testUtils__/eventScene';
import { pushPayload } from './__testUtils__/payloads';

const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });

/** As after an upgrade: what is in the catalog is known by its addresses only. */
async function startWithPlaceholders(options: EventSceneOptions = {}) {
  const targets = ['api', 'web', 'db'].map(
    slug => `http://bitbucket.test/projects/PAY/repos/${slug}/browse/${CATALOG_FILE}`,
  );
  const baseline = { repositories: toKnownRepositories(targets), held: [] };
  const store = createTestStore(baseline.repositories);
  const scene = await startEvents({ ...options, store, beforeFirstRun: true });
  // A run has begun, and has not come to anything yet.
  await store.beginRun('default', baseline, sinceRevision => ({
    sinceMs: scene.clock.now(),
    sinceRevision,
    scope: 'any',
  }));
  return { ...scene, store };
}

describe('a renamed repository', () => {
  it('is replaced in one mutation', async () => {
    const { bitbucket, modify, idle, first, asked, store } = await startEvents();
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/gateway'], removed: ['PAY/api'] }]);
    // The second one about its former address.
    expect(asked()).toEqual({ repository: 2, 'file-check': 1 });
    const state = await store.load('default');
    expect(state?.repositories.map(repository => repository.slug).sort()).toEqual([
      'db',
      'gateway',
      'web',
    ]);
  });

  it('is replaced in one mutation if only its address was known', async () => {
    const { bitbucket, modify, idle, first, store } = await startWithPlaceholders();
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/gateway'], removed: ['PAY/api'] }]);
    const state = await store.load('default');
    const ids = state?.repositories.map(repository => [
      repository.slug,
      repository.repositoryId > 0,
    ]);
    expect(ids?.sort()).toEqual([
      ['db', false],
      ['gateway', true],
      ['web', false],
    ]);
  });

  it('is replaced although its Location is the only one', async () => {
    const { bitbucket, modify, idle, first } = await startEvents({ slugs: ['api'] });
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    await idle();
    expect(first.holds()).toEqual(['PAY/gateway']);
  });

  it('is recognized by a push alone, since its id stays the same', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    bitbucket.renameRepository('PAY', 'api', 'gateway');
    await push('gateway', bitbucket.writeFile('PAY', 'gateway', 'x', 'y'));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/gateway'], removed: ['PAY/api'] }]);
  });

  it('is replaced by its last name after two renames in a row', async () => {
    const { bitbucket, modify, idle, first } = await startEvents();
    for (const [from = '', to = ''] of [
      ['api', 'one'],
      ['one', 'two'],
    ]) {
      await modify(from, () => {
        bitbucket.renameRepository('PAY', from, to);
        return here(to);
      });
    }
    await idle();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/two', 'PAY/web']);
  });

  it('leaves its address to the repository that takes it over', async () => {
    const { bitbucket, modify, idle, first } = await startEvents();
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'old');
      return here('old');
    });
    await modify('web', () => {
      bitbucket.renameRepository('PAY', 'web', 'api');
      return here('api');
    });
    await idle();
    expect(first.holds()).toEqual(['PAY/api', 'PAY/db', 'PAY/old']);
  });
});

describe('repositories that take over addresses from each other, back to back', () => {
  const RENAMES = [
    ['api', 'old'],
    ['web', 'api'],
    ['db', 'web'],
  ] as const;

  it.each(
    [0, 400, 3_000].flatMap(latencyMs =>
      (['file-check', 'repository'] as const).flatMap(kind =>
        [RENAMES, [...RENAMES].reverse()].map(
          order =>
            [latencyMs, kind, order.map(rename => rename.join(' to ')), order] as const,
        ),
      ),
    ),
  )(
    'lose nothing: %d ms per answer, the first %s slower, events for %s',
    async (latencyMs, kind, _, order) => {
      const scene = await startEvents();
      const { bitbucket, first } = scene;
      const before = RENAMES.map(([from]) => bitbucket.repositoryJson('PAY', from));
      RENAMES.forEach(([from, to]) => bitbucket.renameRepository('PAY', from, to));
      bitbucket.settings.latencyMs = latencyMs;
      const effect = { type: 'delay', ms: 2_000 } as const;
      bitbucket.faults.add({ match: { kind }, times: 1, effect });
      for (const [from, to] of order) {
        const old = before.find(repository => repository.slug === from);
        const now = bitbucket.repositoryJson('PAY', to);
        await scene.deliverPayload({ old, new: now }, 'repo:modified');
      }
      await scene.idle();
      expect(first.holds()).toEqual(['PAY/api', 'PAY/old', 'PAY/web']);
      const state = await scene.store.load('default');
      const known = state?.repositories.map(repository => [
        repository.slug,
        repository.files.length,
      ]);
      expect(known?.sort()).toEqual([
        ['api', 1],
        ['old', 1],
        ['web', 1],
      ]);
    },
  );

  it('are checked concurrently with others', async () => {
    const scene = await startEvents({ bitbucket: { latencyMs: 1_000 } });
    const { bitbucket, clock, first, modify, push } = scene;
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'old');
      return here('old');
    });
    await push('db', bitbucket.writeFile('PAY', 'db', CATALOG_FILE, 'x'));
    await clock.advance(4_000);
    expect(first.mutations).toEqual([{ added: ['PAY/old'], removed: ['PAY/api'] }]);
    expect(first.refreshed).toEqual(['PAY/db']);
  });
});

describe('a moved repository', () => {
  it.each([
    ['known by id', startEvents],
    ['known by address only', startWithPlaceholders],
  ])('is replaced in one mutation if it is %s', async (_, start) => {
    const { bitbucket, modify, idle, first } = await start({});
    await modify('api', () => {
      bitbucket.moveRepository('PAY', 'api', 'OPS');
      return here('api', 'OPS');
    });
    await idle();
    expect(first.mutations).toEqual([{ added: ['OPS/api'], removed: ['PAY/api'] }]);
  });

  async function moveOutOfScope(start: typeof startEvents) {
    const config = { filters: { projectKey: '^PAY$' } };
    const { bitbucket, modify, idle, first } = await start({ config });
    await modify('api', () => {
      bitbucket.moveRepository('PAY', 'api', 'OPS');
      return here('api', 'OPS');
    });
    await idle();
    return first.mutations;
  }

  it('is removed if the filters exclude the new project', async () => {
    const gone = [{ added: [], removed: ['PAY/api'] }];
    expect(await moveOutOfScope(startEvents)).toEqual(gone);
  });

  it('is also removed if it was known by address only', async () => {
    const gone = [{ added: [], removed: ['PAY/api'] }];
    expect(await moveOutOfScope(startWithPlaceholders)).toEqual(gone);
  });
});

describe('an archived repository', () => {
  it.each([true, false])('with skipArchivedRepos: %s', async skipArchivedRepos => {
    const scene = await startEvents({ config: { filters: { skipArchivedRepos } } });
    const { bitbucket, modify, idle, first, asked, forget } = scene;
    const setArchived = (archived: boolean) =>
      modify('api', () => {
        bitbucket.archiveRepository('PAY', 'api', archived);
        return here('api');
      });
    await setArchived(true);
    await idle();
    expect(first.mutations).toEqual(
      skipArchivedRepos ? [{ added: [], removed: ['PAY/api'] }] : [],
    );
    expect(asked().repository).toBe(1);
    forget();
    await setArchived(false);
    await idle();
    expect(first.mutations).toEqual(
      skipArchivedRepos ? [{ added: ['PAY/api'], removed: [] }] : [],
    );
  });
});

describe('a repository that is reported as deleted', () => {
  it('is removed once one request has proven it', async () => {
    const { bitbucket, deliverAppEvent, idle, first, asked, store, published } =
      await startEvents();
    const json = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.deleteRepository('PAY', 'api');
    await deliverAppEvent('repo:deleted', json);
    await idle();
    expect(asked()).toEqual({ repository: 1 });
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(published).toEqual([
      {
        type: 'repository.deleted',
        url: 'http://bitbucket.test/projects/PAY/repos/api/browse',
      },
    ]);
    const state = await store.load('default');
    expect(state?.repositories.flatMap(repository => repository.files)).toHaveLength(2);
  });

  it('stays if it still exists', async () => {
    const { bitbucket, deliverAppEvent, idle, first } = await startEvents();
    await deliverAppEvent('repo:deleted', bitbucket.repositoryJson('PAY', 'api'));
    await idle();
    expect(first.mutations).toEqual([]);
    expect(first.holds()).toHaveLength(3);
  });

  it('is removed together with its project', async () => {
    const { bitbucket, deliverAppEvent, idle, first } = await startEvents({
      repositories: [{ ...here('tool', 'OPS'), files: { [CATALOG_FILE]: 'x' } }],
    });
    const json = bitbucket.repositoryJson('OPS', 'tool');
    bitbucket.deleteProject('OPS');
    await deliverAppEvent('repo:deleted', json);
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['OPS/tool'] }]);
  });

  it('is removed if it is known by address only', async () => {
    const { bitbucket, deliverAppEvent, idle, first } = await startWithPlaceholders();
    const json = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.deleteRepository('PAY', 'api');
    await deliverAppEvent('repo:deleted', json);
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('does not affect a repository that is at its address now', async () => {
    const { bitbucket, deliverAppEvent, idle, first } = await startEvents();
    const json = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.deleteRepository('PAY', 'api');
    bitbucket.addRepository({ ...here('api'), files: { [CATALOG_FILE]: 'new' } });
    await deliverAppEvent('repo:deleted', json);
    await idle();
    expect(first.mutations).toEqual([]);
    expect(first.refreshed).toEqual(['PAY/api']);
    expect(first.holds()).toContain('PAY/api');
  });
});

/** Signed by somebody who may configure webhooks: `OPS/own` is said to have been `PAY/api`. */
describe('a rename that only the payload claims', () => {
  const OWN = { ...here('own', 'OPS'), files: { [CATALOG_FILE]: 'x' } };
  const NOT_PERMITTED = {
    type: 'status',
    status: 401,
    exceptionName: 'com.atlassian.bitbucket.AuthorisationException',
  } as const;

  async function claim(
    start: typeof startEvents,
    effect?: Parameters<SimulatedBitbucket['faults']['add']>[0]['effect'],
  ) {
    const scene = await start({ repositories: [OWN], handlesScmEvents: true });
    const { bitbucket } = scene;
    if (effect) {
      bitbucket.faults.add({ match: { repositorySlug: 'api' }, effect });
    }
    const now = bitbucket.repositoryJson('OPS', 'own');
    // The id of the claimant, as in a rename, or none at all.
    const { id: _, ...old } = bitbucket.repositoryJson('PAY', 'api');
    await scene.deliverPayload({ old, new: now }, 'repo:modified');
    await scene.idle();
    return scene;
  }

  describe.each([
    ['known by id', startEvents],
    ['known by address only', startWithPlaceholders],
  ] as const)('if the other one is %s', (_, start) => {
    it.each([
      ['shows it', undefined],
      ['refuses to show it', NOT_PERMITTED],
      ['fails', { type: 'status', status: 503 } as const],
      ['is hidden by a proxy', { type: 'status', status: 404, body: 'no' } as const],
    ])('takes nothing from it while Bitbucket %s', async (_name, effect) => {
      const { first, published, store } = await claim(start, effect);
      const state = await store.load('default');
      const files = state?.repositories.flatMap(repository => repository.files) ?? [];
      const targets = files.map(file => nameOfTarget(file.targetUrl));
      expect(targets.sort()).toEqual(['OPS/own', 'PAY/api', 'PAY/db', 'PAY/web']);
      expect(first.mutations.flatMap(mutation => mutation.removed)).toEqual([]);
      expect(published.filter(event => event.type === 'repository.moved')).toEqual([]);
    });
  });

  it('takes nothing from a third one that is now at the former address', async () => {
    const scene = await startWithPlaceholders({ repositories: [OWN] });
    const { bitbucket, first, idle, modify, store } = scene;
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      bitbucket.addRepository({ ...here('api'), files: { [CATALOG_FILE]: 'new' } });
      return here('gateway');
    });
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/gateway'], removed: [] }]);
    expect(await store.load('default')).toMatchObject({
      repositories: expect.arrayContaining([
        expect.objectContaining({ ...here('api'), files: [expect.anything()] }),
      ]),
    });
  });

  it('does not change the stored default branch of another one', async () => {
    const scene = await startEvents({ repositories: [OWN] });
    const { bitbucket, asked, deliverPayload, forget, idle, push } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', 'x', 'y'));
    await idle();
    forget();
    const { id } = bitbucket.repositoryJson('PAY', 'api');
    const own = bitbucket.repositoryJson('OPS', 'own');
    bitbucket.setDefaultBranch('OPS', 'own', 'evil');
    await deliverPayload(pushPayload({ repository: { ...own, id } }));
    await deliverPayload({ new: { ...own, id } }, 'repo:modified');
    await idle();
    forget();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x', 'evil'));
    await idle();
    expect(asked()).toEqual({});
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()).toEqual({ repository: 1, 'file-check': 1 });
  });
});

describe('an address that changes hands', () => {
  const SPEEDS = [0, 50, 2_000];
  const ORDERS = ['in order', 'the other way round'] as const;
  const PAUSES = [0, 300, 3_000];
  const CHAINS = SPEEDS.flatMap(latencyMs =>
    ORDERS.flatMap(order => PAUSES.map(pauseMs => [latencyMs, order, pauseMs] as const)),
  );

  it.each(CHAINS)(
    'keeps the Location of the file that is there (%i ms per answer, %s, %i ms apart)',
    async (latencyMs, order, pauseMs) => {
      const scene = await startEvents({ slugs: ['a', 'b'], bitbucket: { latencyMs } });
      const { bitbucket, clock, deliver, first, idle } = scene;
      const renamed = (slug: string, newSlug: string) => {
        const old = bitbucket.repositoryJson('PAY', slug);
        bitbucket.renameRepository('PAY', slug, newSlug);
        return bitbucket.webhook('repo:modified', { ...here(newSlug), old });
      };
      const webhooks = [renamed('a', 'old'), renamed('b', 'a')];
      for (const webhook of order === 'in order' ? webhooks : webhooks.reverse()) {
        await deliver(webhook);
        await clock.advance(pauseMs);
      }
      await idle();
      expect(first.mutations.flatMap(mutation => mutation.removed)).not.toContain(
        'PAY/a',
      );
      expect(first.holds()).toEqual(['PAY/a', 'PAY/old']);
    },
  );

  it('keeps the files there while the repository at the address is unknown', async () => {
    const scene = await startEvents({ slugs: ['a', 'b'] });
    const { bitbucket, modify, first, idle } = scene;
    const match = ({ path }: { path: string }) => path.endsWith('/repos/a');
    bitbucket.faults.add({ match, effect: { type: 'status', status: 401 } });
    await modify('a', () => {
      bitbucket.renameRepository('PAY', 'a', 'old');
      return here('old');
    });
    await idle();
    expect(first.holds()).toEqual(['PAY/a', 'PAY/b', 'PAY/old']);
  });
});
