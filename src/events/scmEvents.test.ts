/** What the rest of the catalog is told, from webhook to SCM event. */

import { NO_COMMIT } from '../../dev/simulatedBitbucket';
import { CATALOG_FILE, startEvents } from './__testUtils__/eventScene';
import { ScmEvent } from './scmEvents';

const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });
const toPageUrl = (slug: string) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse`;
const UPDATED = [{ type: 'repository.updated', url: toPageUrl('api') }];
const COMPARED = 'compare';

/** Where events name files without a branch. */
function plain(published: readonly ScmEvent[]) {
  return published.filter(event => !JSON.stringify(event).includes('?at='));
}

describe('if the catalog does not act on changed files', () => {
  it.each([
    ['the catalog is not configured for SCM events', undefined],
    ['it is configured not to act on them', false],
    ['each of its actions is off', { refresh: false, unregister: false, move: false }],
  ])(
    'because %s, a push leads to one event per repository without a request',
    async (_, how) => {
      const scene = await startEvents({ handlesScmEvents: how });
      const { bitbucket, push, idle, asked, published } = scene;
      await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
      await idle();
      expect(published).toEqual(UPDATED);
      expect(asked()[COMPARED]).toBeUndefined();
    },
  );
});

describe('if the catalog acts on changed files', () => {
  it.each([
    ['all', true],
    ['some', { refresh: true, unregister: false, move: false }],
    ['those not switched off', { unregister: false }],
  ])(
    'with %s of its actions, a push leads to events per file with exactly one request',
    async (_, how) => {
      const scene = await startEvents({ handlesScmEvents: how });
      const { bitbucket, push, idle, asked, published } = scene;
      await push('api', bitbucket.writeFile('PAY', 'api', 'docs/new file.md', 'x'));
      await idle();
      expect(asked()[COMPARED]).toBe(1);
      expect(plain(published)).toEqual([
        { type: 'location.created', url: `${toPageUrl('api')}/docs/new%20file.md` },
      ]);
      expect(published).toHaveLength(4);
    },
  );

  it('the request has the newer commit as `from`, the older one as `to`', async () => {
    const { bitbucket, push, idle } = await startEvents({ handlesScmEvents: true });
    const change = bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x');
    await push('api', change);
    await idle();
    const compare = bitbucket.requests.find(request =>
      request.path.includes('/compare/changes'),
    );
    const query = new URL(`http://host${compare?.path}`).searchParams;
    expect(query.get('from')).toBe(change.toHash);
    expect(query.get('to')).toBe(change.fromHash);
  });

  it('several pushes are compared from the first commit to the last', async () => {
    const scene = await startEvents({ handlesScmEvents: true });
    const { bitbucket, push, idle, asked, published } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', 'a.md', 'x'));
    await push('api', bitbucket.renameFile('PAY', 'api', CATALOG_FILE, 'other.yaml'));
    await push('api', bitbucket.removeFile('PAY', 'api', 'README.md'));
    await idle();
    expect(asked()[COMPARED]).toBe(1);
    expect(plain(published)).toEqual([
      { type: 'location.deleted', url: `${toPageUrl('api')}/README.md` },
      { type: 'location.created', url: `${toPageUrl('api')}/a.md` },
      {
        type: 'location.moved',
        fromUrl: `${toPageUrl('api')}/${CATALOG_FILE}`,
        toUrl: `${toPageUrl('api')}/other.yaml`,
      },
    ]);
  });

  it('files on the configured branch are named with it only', async () => {
    const scene = await startEvents({
      handlesScmEvents: true,
      config: { branch: 'main' },
    });
    const { bitbucket, push, idle, published } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(plain(published)).toEqual([]);
    expect(published[0]).toEqual({
      type: 'location.updated',
      url: `${toPageUrl('api')}/${CATALOG_FILE}?at=main`,
    });
  });

  it('a push with too many files leads to an event for the repository', async () => {
    const scene = await startEvents({ handlesScmEvents: true });
    const { bitbucket, push, idle, published } = scene;
    for (let index = 0; index < 201; index += 1) {
      await push('api', bitbucket.writeFile('PAY', 'api', `f${index}`, 'x'));
    }
    await idle();
    expect(published).toEqual(UPDATED);
  });

  it('a push that created the branch leads to an event for the repository, without a comparison', async () => {
    const scene = await startEvents({ handlesScmEvents: true });
    const { bitbucket, push, idle, published, asked } = scene;
    const change = bitbucket.writeFile('PAY', 'api', 'x', 'y');
    await push('api', { ...change, fromHash: NO_COMMIT });
    await idle();
    expect(published).toEqual(UPDATED);
    expect(asked()[COMPARED]).toBeUndefined();
  });

  it.each([
    ['is refused', { type: 'status', status: 401 } as const],
    ['is not JSON', 'login-page' as const],
    ['is cut short', 'truncated-json' as const],
    ['contains an unreadable change', 'bad-item' as const],
  ])('a comparison that %s leads to an event for the repository', async (_, effect) => {
    const scene = await startEvents({ handlesScmEvents: true });
    const { bitbucket, push, idle, published, first } = scene;
    bitbucket.faults.add({ match: { kind: COMPARED }, effect });
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(published).toEqual(UPDATED);
    expect(first.refreshed).toEqual(['PAY/api']);
    expect(scene.results).toEqual(['evaluated']);
  });

  it('a push together with a rename leads to the event of the move', async () => {
    const scene = await startEvents({ handlesScmEvents: true });
    const { bitbucket, push, modify, idle, published, asked } = scene;
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    await push('gateway', bitbucket.writeFile('PAY', 'gateway', 'x', 'y'));
    await idle();
    expect(published).toEqual([
      {
        type: 'repository.moved',
        fromUrl: toPageUrl('api'),
        toUrl: toPageUrl('gateway'),
      },
    ]);
    expect(asked()[COMPARED]).toBeUndefined();
  });
});

describe('another change', () => {
  it('leads to an event for the repository: created, moved and deleted', async () => {
    const scene = await startEvents();
    const { bitbucket, deliverAppEvent, modify, idle, published } = scene;
    bitbucket.addRepository(here('new'));
    await deliverAppEvent('repo:created', bitbucket.repositoryJson('PAY', 'new'));
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    const db = bitbucket.repositoryJson('PAY', 'db');
    bitbucket.deleteRepository('PAY', 'db');
    await deliverAppEvent('repo:deleted', db);
    await idle();
    expect([...published].sort((a, b) => a.type.localeCompare(b.type))).toEqual([
      { type: 'repository.created', url: toPageUrl('new') },
      { type: 'repository.deleted', url: toPageUrl('db') },
      {
        type: 'repository.moved',
        fromUrl: toPageUrl('api'),
        toUrl: toPageUrl('gateway'),
      },
    ]);
  });

  it('leads to no event for repositories that the filters exclude', async () => {
    const scene = await startEvents({ config: { filters: { skipArchivedRepos: true } } });
    const { bitbucket, modify, push, idle, published } = scene;
    await modify('api', () => {
      bitbucket.archiveRepository('PAY', 'api');
      return here('api');
    });
    await idle();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(published).toEqual([]);
  });

  it('leads to no event for an unproven deletion', async () => {
    const scene = await startEvents();
    const { bitbucket, deliverAppEvent, idle, published } = scene;
    const effect = { type: 'status', status: 401 } as const;
    bitbucket.faults.add({ match: { repositorySlug: 'api' }, effect });
    await deliverAppEvent('repo:deleted', bitbucket.repositoryJson('PAY', 'api'));
    await idle();
    expect(published).toEqual([]);
  });

  it('leads to an event with the host of the integration, whatever the server’s own base URL', async () => {
    const scene = await startEvents({
      bitbucket: { linkBaseUrl: 'https://git.corp.test/bitbucket' },
    });
    const { bitbucket, push, idle, published } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(published).toEqual(UPDATED);
  });

  it('leads to a warning if its events cannot be published, and to no further check', async () => {
    const scene = await startEvents({
      publish: async () => {
        throw new Error('nobody listens');
      },
    });
    const { bitbucket, push, idle, asked, logger, first } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /The SCM events of PAY\/api could not be published: .*nobody listens/,
      ),
    ]);
    expect(asked()).toEqual({ 'default-branch': 1, repository: 1, 'file-check': 1 });
    expect(first.refreshed).toEqual(['PAY/api']);
  });
});
