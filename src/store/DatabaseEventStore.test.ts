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
  /** Two instances on one database, as with replicas. */
  async function createStores() {
    const knex = await emptyDatabase(databases, databaseId);
    const open = () =>
      new DatabaseEventStore(new DiscoveryDatabase(asDatabaseService(knex)));
    const store = open();
    // Both would bring the tables up to date at the same time.
    await store.loadDefaultBranch(HOST, 0, ANY_TIME);
    return { store, otherStore: open() };
  }

  describe('a default branch', () => {
    const main = { name: 'main', readAtMs: NOW };

    it('is not known before it is saved', async () => {
      const { store } = await createStores();
      expect(await store.loadDefaultBranch(HOST, 7, ANY_TIME)).toBeUndefined();
    });

    it('is known to every replica', async () => {
      const { store, otherStore } = await createStores();
      await store.saveDefaultBranch(HOST, 7, { name: 'feature/ü', readAtMs: NOW });
      expect(await otherStore.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('feature/ü');
    });

    it.each([
      ['is valid immediately', 0, 'main'],
      ['is valid until it expires', KEEP_MS - 1, 'main'],
      ['is no longer valid after that', KEEP_MS, undefined],
      ['is valid with a clock that is slightly slow', -KEEP_MS, 'main'],
      ['is not valid when it was read with a clock far ahead', -KEEP_MS - 1, undefined],
    ])('%s', async (_, laterMs, expected) => {
      const { store } = await createStores();
      await store.saveDefaultBranch(HOST, 7, main);
      const validity = { nowMs: NOW + laterMs, keepForMs: KEEP_MS };
      expect(await store.loadDefaultBranch(HOST, 7, validity)).toBe(expected);
    });

    it.each(['ma\0in', 'ma\ud800in'])(
      'is stored without characters that a database refuses',
      async name => {
        const { store } = await createStores();
        await store.saveDefaultBranch(HOST, 7, { name, readAtMs: NOW });
        expect(await store.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('ma\ufffdin');
      },
    );

    it('is replaced by a value that is read later', async () => {
      const { store, otherStore } = await createStores();
      await store.saveDefaultBranch(HOST, 7, main);
      await otherStore.saveDefaultBranch(HOST, 7, { name: 'trunk', readAtMs: NOW + 5 });
      expect(await store.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('trunk');
    });

    it('belongs to one repository on one host', async () => {
      const { store } = await createStores();
      await store.saveDefaultBranch(HOST, 7, main);
      await store.saveDefaultBranch('otherStore.example.com', 7, {
        ...main,
        name: 'trunk',
      });
      expect(await store.loadDefaultBranch(HOST, 8, ANY_TIME)).toBeUndefined();
      expect(await store.loadDefaultBranch(HOST, 7, ANY_TIME)).toBe('main');
      expect(await store.loadDefaultBranch('otherStore.example.com', 7, ANY_TIME)).toBe(
        'trunk',
      );
    });

    it('is forgotten for one repository on one host', async () => {
      const { store } = await createStores();
      for (const host of [HOST, 'otherStore.example.com']) {
        for (const id of [7, 8]) {
          await store.saveDefaultBranch(host, id, main);
        }
      }
      await store.forgetDefaultBranch(HOST, 7);
      await store.forgetDefaultBranch(HOST, 99);
      expect(await store.loadDefaultBranch(HOST, 7, ANY_TIME)).toBeUndefined();
      expect(await store.loadDefaultBranch(HOST, 8, ANY_TIME)).toBe('main');
      expect(await store.loadDefaultBranch('otherStore.example.com', 7, ANY_TIME)).toBe(
        'main',
      );
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

    it('is the first with its content on one replica only', async () => {
      const { store, otherStore } = await createStores();
      expect(await claim(store)).toBe('first');
      expect(await claim(otherStore)).toBe('repeated');
      expect(await claim(store)).toBe('repeated');
    });

    it('is the first once when replicas claim it at the same time, on any topic', async () => {
      const { store, otherStore } = await createStores();
      const claims = await Promise.all(
        [store, otherStore, store, otherStore].map((replica, index) =>
          claim(replica, { topic: index < 2 ? 'plain' : 'sub' }),
        ),
      );
      expect(claims.sort()).toEqual(['copy', 'first', 'repeated', 'repeated']);
    });

    it('is a copy of the first on another topic, once', async () => {
      const { store, otherStore } = await createStores();
      await claim(store, { topic: 'sub' });
      expect(await claim(otherStore, { topic: 'plain' })).toBe('copy');
      expect(await claim(store, { topic: 'plain' })).toBe('repeated');
      expect(await claim(store, { topic: 'sub' })).toBe('repeated');
    });

    it('does not prevent a webhook with other content from being the first', async () => {
      const { store, otherStore } = await createStores();
      expect(await claim(store, { content: 'a' })).toBe('first');
      expect(await claim(otherStore, { content: 'b' })).toBe('first');
    });

    it.each([
      ['repeated before it expires', KEEP_MS - 1, 'repeated'],
      ['the first again once it has expired', KEEP_MS, 'first'],
    ])('is %s', async (_, laterMs, expected) => {
      const { store, otherStore } = await createStores();
      await claim(store);
      expect(await claim(otherStore, { nowMs: NOW + laterMs })).toBe(expected);
    });

    it('deletes expired webhooks when it is stored', async () => {
      const { store, otherStore } = await createStores();
      for (let index = 0; index < 20; index += 1) {
        await claim(store, { content: `old ${index}` });
      }
      await claim(store, { content: 'new', nowMs: NOW + KEEP_MS });
      // With a clock that was set back nothing has expired, but the webhook can still be claimed.
      expect(await claim(otherStore, { content: 'old 3' })).toBe('first');
      expect(await claim(otherStore, { content: 'new' })).toBe('repeated');
    });

    it('is deleted once the clock is correct when it was claimed with a clock one year ahead', async () => {
      const { store } = await createStores();
      await claim(store, { nowMs: NOW + 365 * 24 * 3_600_000 });
      expect(await claim(store)).toBe('first');
    });
  });
});
