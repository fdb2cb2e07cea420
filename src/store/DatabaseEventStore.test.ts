import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { DatabaseEventStore } from './DatabaseEventStore';
import { DiscoveryDatabase } from './DiscoveryDatabase';

const databases = createTestDatabases();

const NOW = 1_790_000_000_000;
const HOST = 'git.example.com';
const KEEP_MS = 300_000;
const ANY_TIME = { nowMs: NOW, keepForMs: NOW };

describe.each(databases.eachSupportedId())('the events in %s', databaseId => {
  /** Two instances on one database, as replicas have them. */
  async function createStores() {
    const knex = await emptyDatabase(databases, databaseId);
    const open = () =>
      new DatabaseEventStore(new DiscoveryDatabase(asDatabaseService(knex)));
    const one = open();
    // Both would bring the tables up to date at the same time.
    await one.loadDefaultBranch(HOST, 0, ANY_TIME);
    return { one, other: open() };
  }

  describe('a default branch', () => {
    const main = { name: 'main', readAtMs: NOW };

    it('is not known before it was saved', async () => {
      const { one } = await createStores();
      expect(await one.loadDefaultBranch(HOST, 7, ANY_TIME)).toBeUndefined();
    });

    it('is known to every replica', async () => {
      const { one, other } = await createStores();
      await one.saveDefaultBranch(HOST, 7, { name: 'feature/ü', readAtMs: NOW });
      expect(await other.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('feature/ü');
    });

    it.each([
      ['counts just then', 0, 'main'],
      ['counts until its time is over', KEEP_MS - 1, 'main'],
      ['counts no longer', KEEP_MS, undefined],
      ['counts with a clock that is a little late', -KEEP_MS, 'main'],
      [
        'does not count where it was read with a clock far ahead',
        -KEEP_MS - 1,
        undefined,
      ],
    ])('%s', async (_, laterMs, expected) => {
      const { one } = await createStores();
      await one.saveDefaultBranch(HOST, 7, main);
      const validity = { nowMs: NOW + laterMs, keepForMs: KEEP_MS };
      expect(await one.loadDefaultBranch(HOST, 7, validity)).toBe(expected);
    });

    it.each(['ma\0in', 'ma\ud800in'])(
      'is kept without what a database refuses',
      async name => {
        const { one } = await createStores();
        await one.saveDefaultBranch(HOST, 7, { name, readAtMs: NOW });
        expect(await one.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('ma\ufffdin');
      },
    );

    it('is replaced by what is read later', async () => {
      const { one, other } = await createStores();
      await one.saveDefaultBranch(HOST, 7, main);
      await other.saveDefaultBranch(HOST, 7, { name: 'trunk', readAtMs: NOW + 5 });
      expect(await one.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('trunk');
    });

    it('is that of one repository on one host', async () => {
      const { one } = await createStores();
      await one.saveDefaultBranch(HOST, 7, main);
      await one.saveDefaultBranch('other.example.com', 7, { ...main, name: 'trunk' });
      expect(await one.loadDefaultBranch(HOST, 8, ANY_TIME)).toBeUndefined();
      expect(await one.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('main');
      expect(await one.loadDefaultBranch('other.example.com', 7, ANY_TIME)).toBe('trunk');
    });

    it('is forgotten for one repository on one host', async () => {
      const { one } = await createStores();
      for (const host of [HOST, 'other.example.com']) {
        for (const id of [7, 8]) {
          await one.saveDefaultBranch(host, id, main);
        }
      }
      await one.forgetDefaultBranch(HOST, 7);
      await one.forgetDefaultBranch(HOST, 99);
      expect(await one.loadDefaultBranch(HOST, 7, ANY_TIME)).toBeUndefined();
      expect(await one.loadDefaultBranch(HOST, 8, ANY_TIME)).toBe('main');
      expect(await one.loadDefaultBranch('other.example.com', 7, ANY_TIME)).toBe('main');
    });
  });

  describe('a webhook', () => {
    const claim = (
      store: DatabaseEventStore,
      { content = 'a', topic = 'plain', nowMs = NOW } = {},
    ) => {
      const delivery = { contentHash: content, arrivalHash: `${content} ${topic}` };
      return store.claimDelivery(delivery, { nowMs, keepForMs: KEEP_MS });
    };

    it('is the first of its content on one replica only', async () => {
      const { one, other } = await createStores();
      expect(await claim(one)).toBe('first');
      expect(await claim(other)).toBe('repeated');
      expect(await claim(one)).toBe('repeated');
    });

    it('is the first once where replicas claim it at the same time, on whichever topic', async () => {
      const { one, other } = await createStores();
      const claims = await Promise.all(
        [one, other, one, other].map((store, index) =>
          claim(store, { topic: index < 2 ? 'plain' : 'sub' }),
        ),
      );
      expect(claims.sort()).toEqual(['copy', 'first', 'repeated', 'repeated']);
    });

    it('is a copy of the first on another topic, once', async () => {
      const { one, other } = await createStores();
      await claim(one, { topic: 'sub' });
      expect(await claim(other, { topic: 'plain' })).toBe('copy');
      expect(await claim(one, { topic: 'plain' })).toBe('repeated');
      expect(await claim(one, { topic: 'sub' })).toBe('repeated');
    });

    it('does not keep one with other content from being the first', async () => {
      const { one, other } = await createStores();
      expect(await claim(one, { content: 'a' })).toBe('first');
      expect(await claim(other, { content: 'b' })).toBe('first');
    });

    it.each([
      ['repeated before its time is over', KEEP_MS - 1, 'repeated'],
      ['the first again once its time is over', KEEP_MS, 'first'],
    ])('is %s', async (_, laterMs, expected) => {
      const { one, other } = await createStores();
      await claim(one);
      expect(await claim(other, { nowMs: NOW + laterMs })).toBe(expected);
    });

    it('makes room for itself: what is over is forgotten', async () => {
      const { one, other } = await createStores();
      for (let index = 0; index < 20; index += 1) {
        await claim(one, { content: `old ${index}` });
      }
      await claim(one, { content: 'new', nowMs: NOW + KEEP_MS });
      // With a clock that was set back nothing is over, and yet it can be claimed.
      expect(await claim(other, { content: 'old 3' })).toBe('first');
      expect(await claim(other, { content: 'new' })).toBe('repeated');
    });

    it('that was claimed with a clock a year ahead is forgotten once it is right again', async () => {
      const { one } = await createStores();
      await claim(one, { nowMs: NOW + 365 * 24 * 3_600_000 });
      expect(await claim(one)).toBe('first');
    });
  });
});
