/** Events of other servers, and events that do not say where they come from. */

import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { HOSTILE_VALUES, pushPayload } from './__testUtils__/payloads';
import { CATALOG_FILE, EventScene, startEvents } from './__testUtils__/eventScene';

const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });
const EVENT_KEYS = [
  'repo:refs_changed',
  'repo:modified',
  'repo:forked',
  'repo:created',
  'repo:deleted',
  'project:modified',
  'mirror:repo_synchronized',
];

/** A push to the default branch as an old server tells of it: without links. */
async function pushWithoutLinks({ bitbucket, deliverPayload }: EventScene, other = {}) {
  const { id, slug } = bitbucket.getRepository('PAY', 'api');
  const repository = { id, slug, project: { key: 'PAY' }, ...other };
  await deliverPayload(pushPayload({ repository }));
}

describe('an event of another server', () => {
  it.each([
    'http://elsewhere.test',
    'http://bitbucket.test:8080',
    'http://bitbucket.test/b',
  ])('at %s costs no request', async baseUrl => {
    const scene = await startEvents();
    const other = createSimulatedBitbucket({ baseUrl });
    const origin = other.addRepository(here('api'));
    const changes = [other.writeFile('PAY', 'api', CATALOG_FILE, 'x')];
    const old = other.projectJson('PAY') ?? {};
    const json = other.repositoryJson('PAY', 'api');
    await scene.deliver(other.webhook('repo:refs_changed', { ...here('api'), changes }));
    await scene.deliver(other.webhook('repo:forked', here('api')));
    await scene.deliver(other.webhook('project:modified', { projectKey: 'PAY', old }));
    await scene.tell('repo:deleted', json);
    await scene.idle();
    expect(origin.slug).toBe('api');
    expect(scene.asked()).toEqual({});
    expect(new Set(scene.results)).toEqual(new Set(['ignored']));
  });

  it('is ours where the listing shows that base URL', async () => {
    const scene = await startEvents({
      bitbucket: { linkBaseUrl: 'https://git.corp.test/bitbucket' },
    });
    const { bitbucket, push, idle, first } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(first.refreshed).toEqual(['PAY/api']);
    expect(first.connection.targets()[0]).toMatch(/^http:\/\/bitbucket\.test\//);
  });

  it('is none of ours before a listing has shown that base URL', async () => {
    const scene = await startEvents({
      bitbucket: { linkBaseUrl: 'https://git.corp.test/bitbucket' },
      beforeFirstRun: true,
    });
    await scene.push('api', scene.bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await scene.idle();
    expect(scene.asked()).toEqual({});
  });
});

describe('an event without a link', () => {
  it('is ours where id, project and slug are known', async () => {
    const scene = await startEvents();
    await pushWithoutLinks(scene);
    await scene.idle();
    expect(scene.first.refreshed).toEqual(['PAY/api']);
  });

  it.each([
    ['another id', { id: 99 }],
    ['the id of another repository', { id: 2 }],
    ['no id', { id: undefined }],
    ['another slug', { slug: 'other' }],
    ['another project', { project: { key: 'OPS' } }],
    ['a negative id', { id: -1 }],
    ['an id that is a text', { id: '1' }],
  ])('is none of ours with %s', async (_, other) => {
    const scene = await startEvents();
    await pushWithoutLinks(scene, other);
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.results).toEqual(['ignored']);
  });

  it('about a project is ours where a repository of it is known', async () => {
    const scene = await startEvents();
    for (const key of ['PAY', 'OPS']) {
      const payload = { eventKey: 'project:modified', new: { id: 1, key } };
      await scene.deliverPayload(payload);
    }
    await scene.idle();
    expect(scene.asked()).toEqual({ 'project-repositories': 1, 'file-check': 3 });
  });
});

describe('a hostile payload', () => {
  it.each(EVENT_KEYS)('of %s costs no request and does not throw', async eventKey => {
    const scene = await startEvents();
    const shapes = HOSTILE_VALUES.flatMap(([, value]) => [
      value,
      { repository: value, changes: value },
      { repository: { slug: value, project: value, links: value }, changes: [value] },
      { old: value, new: value },
      { new: { key: value, slug: value, project: { key: value } } },
    ]);
    for (const shape of shapes) {
      await scene.deliverPayload(shape, eventKey);
      await scene.deliverPayload(shape);
    }
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.first.mutations).toEqual([]);
    expect(scene.logger.messages('warn')).toEqual([]);
  });

  it('with a path in a slug leads nowhere', async () => {
    const scene = await startEvents();
    const { links } = scene.bitbucket.repositoryJson('PAY', 'api');
    for (const slug of ['../../admin', '..', '..%2f..', 'a/b', 'a\nb', '']) {
      const repository = { id: 1, slug, project: { key: 'PAY' }, links };
      await scene.tell('repo:deleted', repository);
    }
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.results.every(one => one === 'malformed')).toBe(true);
  });

  it('of a thousand invented repositories keeps nothing behind', async () => {
    const scene = await startEvents();
    for (let index = 0; index < 1_000; index += 1) {
      const repository = {
        id: 1_000 + index,
        slug: `x${index}`,
        project: { key: 'PAY' },
      };
      await scene.deliverPayload(pushPayload({ repository }));
    }
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.clock.sleeping).toBe(0);
    expect(scene.pending()).toBe(0);
  });
});
