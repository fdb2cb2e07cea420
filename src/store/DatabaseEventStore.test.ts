import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { DatabaseEventStore } from './DatabaseEventStore';
import { DiscoveryDatabase } from './DiscoveryDatabase';

const databases = createTestDatabases();

const NOW = 1_790_000_000_000;
const HOST = 'git.example.com';
const KEEP_MS = 300_000;

describe.each(databases.eachSupportedId())('the events in %s', databaseId => {
  /** Two instances on one database, as replicas have them. */
  async function createStores() {
    const knex = await databases.init(databaseId);
    const open = () =>
      new DatabaseEventStore(new DiscoveryDatabase(asDatabaseService(knex)));
    const one = open();
    // Both would bring the tables up to date at the same time.
    await one.loadDefaultBranch(HOST, 0, 0);
    return { one, other: open() };
  }

  describe('a default branch', () => {
    const main = { name: 'main', readAtMs: NOW };

    it('is not known before it was saved', async () => {
      const { one } = await createStores();
      expect(await one.loadDefaultBranch(HOST, 7, 0)).toBeUndefined();
    });

    it('is known to every replica', async () => {
      const { one, other } = await createStores();
      await one.saveDefaultBranch(HOST, 7, { name: 'feature/ü', readAtMs: NOW });
      expect(await other.loadDefaultBranch(HOST, 7, 0)).toBe('feature/ü');
    });

    it.each([
      ['was read later', NOW - 1, 'main'],
      ['was read just then', NOW, 'main'],
      ['was read earlier', NOW + 1, undefined],
    ])('counts where it %s', async (_, notBeforeMs, expected) => {
      const { one } = await createStores();
      await one.saveDefaultBranch(HOST, 7, main);
      expect(await one.loadDefaultBranch(HOST, 7, notBeforeMs)).toBe(expected);
    });

    it('is replaced by what is read later', async () => {
      const { one, other } = await createStores();
      await one.saveDefaultBranch(HOST, 7, main);
      await other.saveDefaultBranch(HOST, 7, { name: 'trunk', readAtMs: NOW + 5 });
      expect(await one.loadDefaultBranch(HOST, 7, NOW + 5)).toBe('trunk');
    });

    it('is that of one repository on one host', async () => {
      const { one } = await createStores();
      await one.saveDefaultBranch(HOST, 7, main);
      await one.saveDefaultBranch('other.example.com', 7, { ...main, name: 'trunk' });
      expect(await one.loadDefaultBranch(HOST, 8, 0)).toBeUndefined();
      expect(await one.loadDefaultBranch(HOST, 7, 0)).toBe('main');
      expect(await one.loadDefaultBranch('other.example.com', 7, 0)).toBe('trunk');
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
      expect(await one.loadDefaultBranch(HOST, 7, 0)).toBeUndefined();
      expect(await one.loadDefaultBranch(HOST, 8, 0)).toBe('main');
      expect(await one.loadDefaultBranch('other.example.com', 7, 0)).toBe('main');
    });
  });

  describe('an event', () => {
    const take = (store: DatabaseEventStore, identity = 'a', nowMs = NOW) =>
      store.takeDelivery(identity, nowMs, KEEP_MS);

    it('is taken by one replica only', async () => {
      const { one, other } = await createStores();
      expect(await take(one)).toBe(true);
      expect(await take(other)).toBe(false);
      expect(await take(one)).toBe(false);
    });

    it('is taken once by replicas that ask at the same time', async () => {
      const { one, other } = await createStores();
      const taken = await Promise.all([one, other, one, other].map(store => take(store)));
      expect(taken.filter(Boolean)).toHaveLength(1);
    });

    it('does not keep another one from being taken', async () => {
      const { one, other } = await createStores();
      expect(await take(one, 'a')).toBe(true);
      expect(await take(other, 'b')).toBe(true);
    });

    it.each([
      ['not again before its time is over', KEEP_MS - 1, false],
      ['again once its time is over', KEEP_MS, true],
    ])('is taken %s', async (_, laterMs, expected) => {
      const { one, other } = await createStores();
      await take(one);
      expect(await take(other, 'a', NOW + laterMs)).toBe(expected);
    });

    it('makes room for itself: what is over is forgotten', async () => {
      const { one, other } = await createStores();
      for (let index = 0; index < 20; index += 1) {
        await take(one, `old ${index}`);
      }
      await take(one, 'new', NOW + KEEP_MS);
      // With a clock that was set back nothing is over, and yet it can be taken.
      expect(await take(other, 'old 3')).toBe(true);
      expect(await take(other, 'new')).toBe(false);
    });
  });
});
