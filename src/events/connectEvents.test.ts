/** What events and the catalog's own reads of files tell each other. */

import { AbsentReads } from '../provider/absentReads';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { CATALOG_FILE, startEvents } from './__testUtils__/eventScene';

const here = (slug: string) => ({ projectKey: 'PAY', slug });

describe('a file that the catalog finds missing when it reads it', () => {
  /** Tells of the catalog file of `PAY/<slug>`, which no webhook announced. */
  async function readMissing(slug: string, from: { host?: string; path?: string } = {}) {
    const absentReads = new AbsentReads();
    const scene = await startEvents({ reading: { absentReads } });
    const { bitbucket, idle } = scene;
    const { host } = new URL(bitbucket.baseUrl);
    const { path = CATALOG_FILE } = from;
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    absentReads.tell({
      host: from.host ?? host,
      address: here(slug),
      url: `${bitbucket.baseUrl}/projects/PAY/repos/${slug}/browse/${path}`,
    });
    await idle();
    return scene;
  }

  it('leads to a check of its repository, which removes its Location', async () => {
    const scene = await readMissing('api');
    expect(scene.asked()).toMatchObject({ 'file-check': 1 });
    expect(scene.first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('stays when the check finds it', async () => {
    const scene = await readMissing('web');
    expect(scene.asked()).toMatchObject({ 'file-check': 1 });
    expect(scene.first.mutations).toEqual([]);
  });

  it.each([
    ['on another host', { host: 'other.test' }],
    ['that discovery did not register', { path: 'other.yaml' }],
  ])('leads to nothing %s', async (_, from) => {
    const scene = await readMissing('api', from);
    expect(scene.asked()).toEqual({});
    expect(scene.first.holds()).toHaveLength(3);
  });

  it('is left to the next run when what is known cannot be read', async () => {
    const absentReads = new AbsentReads();
    const scene = await startEvents({ reading: { absentReads } });
    scene.store.loadRelated = async () => {
      throw new Error('the database is locked');
    };
    const { host } = new URL(scene.bitbucket.baseUrl);
    absentReads.tell({ host, address: here('api'), url: 'x' });
    await scene.idle();
    expect(scene.logger.messages('debug')).toContainEqual(
      'PAY/api is left to the next run: Error: the database is locked',
    );
  });
});

describe('a changed repository', () => {
  async function recordStamps() {
    const renewed: unknown[] = [];
    const renew: RepositoryStamps['renew'] = async (host, addresses) => {
      const { length } = scene.first.refreshed;
      renewed.push([host, addresses.map(({ slug }) => slug), length]);
    };
    const scene = await startEvents({ reading: { stamps: { renew } } });
    const { host } = new URL(scene.bitbucket.baseUrl);
    return { ...scene, renewed, host };
  }

  it('is noted for the reader before its files are read again', async () => {
    const { bitbucket, first, host, idle, push, renewed } = await recordStamps();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(renewed).toEqual([[host, ['api'], 0]]);
    expect(first.refreshed).toEqual(['PAY/api']);
  });

  it('is noted under its former address as well when it was renamed', async () => {
    const { bitbucket, host, idle, modify, renewed } = await recordStamps();
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    await idle();
    expect(renewed).toEqual([[host, ['gateway', 'api'], 0]]);
  });
});
