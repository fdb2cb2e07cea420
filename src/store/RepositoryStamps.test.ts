/** Stamps while the database answers, fails or hangs. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { Disorder } from '../__testUtils__/MemoryBuckets';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { RepositoryAddress } from '../model';
import { MAX_OWED, RepositoryStamps } from './RepositoryStamps';

const HOST = 'bitbucket.example.com';
const API = { projectKey: 'PAY', slug: 'api' };
const WEB = { projectKey: 'PAY', slug: 'web' };
const WAIT_MS = 2_500;

function setUp() {
  const clock = new FakeClock({ startMs: 0 });
  const logger = createLogRecorder();
  const end = new AbortController();
  const renewed: { host: string; slugs: readonly string[] | 'all' }[] = [];
  const database: { disorder?: Disorder; latencyMs: number } = { latencyMs: 0 };
  const pass = async () => {
    if (database.latencyMs > 0) await clock.sleep(database.latencyMs);
    if (database.disorder === 'fails') throw new Error('no connection');
    if (database.disorder === 'hangs') await new Promise(() => {});
  };
  const renew = async (host: string, addresses: readonly RepositoryAddress[]) => {
    await pass();
    renewed.push({ host, slugs: addresses.map(({ slug }) => slug) });
  };
  const table = {
    async load(_: string, { slug }: RepositoryAddress) {
      await pass();
      return `${slug} ${renewed.length}`;
    },
    renew,
    async renewAll(host: string) {
      await pass();
      renewed.push({ host, slugs: 'all' });
    },
  };
  const stamps = new RepositoryStamps({ table, clock, logger, signal: end.signal });
  const load = (address: RepositoryAddress) =>
    clock.run(stamps.load(HOST, address, WAIT_MS));
  return { clock, database, end, load, logger, renewed, stamps };
}

describe('a stamp', () => {
  it('is renewed at once', async () => {
    const { load, renewed, stamps } = setUp();
    expect(await load(API)).toBe('api 0');
    await stamps.renew(HOST, [API, WEB]);
    expect(renewed).toEqual([{ host: HOST, slugs: ['api', 'web'] }]);
    expect(await load(API)).toBe('api 1');
  });

  it('is renewed in several statements where one could not hold all repositories', async () => {
    const { renewed, stamps } = setUp();
    const slugs = Array.from({ length: 450 }, (_, index) => `svc-${index}`);
    await stamps.renew(
      HOST,
      slugs.map(slug => ({ projectKey: 'PAY', slug })),
    );
    expect(renewed.map(statement => statement.slugs.length)).toEqual([200, 200, 50]);
    expect(renewed.flatMap(statement => statement.slugs)).toEqual(slugs);
  });

  describe.each<Disorder>(['fails', 'hangs'])('while the database %s', disorder => {
    it('is unknown, and known again within 5 s', async () => {
      const { clock, database, load } = setUp();
      database.disorder = disorder;
      expect(await load(API)).toBeUndefined();
      expect(clock.monotonicMs()).toBe(disorder === 'hangs' ? WAIT_MS : 0);
      database.disorder = undefined;
      await clock.advance(5_000);
      expect(await load(API)).toBe('api 0');
      expect(await load(WEB)).toBe('web 0');
    });

    it('is renewed as soon as possible after a change, without blocking the caller', async () => {
      const { clock, database, load, renewed, stamps } = setUp();
      database.disorder = disorder;
      await clock.run(stamps.renew(HOST, [API]));
      expect(clock.monotonicMs()).toBe(disorder === 'hangs' ? 5_000 : 0);
      // While it does not work, further ones do not wait at all.
      const fromMs = clock.monotonicMs();
      await clock.run(stamps.renew('other.example.com', [WEB]));
      expect(clock.monotonicMs()).toBe(fromMs);
      await clock.advance(60_000);
      expect(renewed).toEqual([]);

      database.disorder = undefined;
      await clock.advance(10_000);
      expect(renewed).toEqual([
        { host: HOST, slugs: ['api'] },
        { host: 'other.example.com', slugs: ['web'] },
      ]);
      expect(await load(API)).toBe('api 2');
      await clock.runUntilIdle();
      expect(renewed).toHaveLength(2);
    });
  });

  it('is unknown to this replica until the change is stored, although the database answers', async () => {
    const { clock, database, load, stamps } = setUp();
    database.disorder = 'fails';
    await stamps.renew(HOST, [API]);
    database.disorder = undefined;
    expect(await load({ projectKey: 'pay', slug: 'API' })).toBeUndefined();
    expect(await load(WEB)).toBe('web 0');
    await clock.advance(5_000);
    expect(await load(API)).toBe('api 1');
  });

  it('is unknown if a change was reported while it was loaded', async () => {
    const { clock, database, stamps } = setUp();
    database.latencyMs = 1_000;
    const loading = stamps.load(HOST, API, WAIT_MS);
    database.latencyMs = 0;
    database.disorder = 'fails';
    await stamps.renew(HOST, [API]);
    database.disorder = undefined;
    expect(await clock.run(loading)).toBeUndefined();
  });

  it('is renewed once more for a change that is reported during a renewal', async () => {
    const { clock, database, renewed, stamps } = setUp();
    database.disorder = 'fails';
    await stamps.renew(HOST, [API]);
    database.disorder = undefined;
    database.latencyMs = 1_000;
    await clock.advance(5_500);
    await stamps.renew(HOST, [API, WEB]);
    await clock.runUntilIdle();
    expect(renewed).toEqual([
      { host: HOST, slugs: ['api'] },
      { host: HOST, slugs: ['api', 'web'] },
    ]);
  });

  it('is renewed together with all of its host if too many are owed', async () => {
    const { clock, database, load, renewed, stamps } = setUp();
    database.disorder = 'fails';
    const slugs = Array.from({ length: MAX_OWED }, (_, index) => `svc-${index}`);
    await stamps.renew(
      HOST,
      slugs.map(slug => ({ projectKey: 'PAY', slug })),
    );
    await stamps.renew(HOST, [API]);
    await stamps.renew(HOST, [WEB]);
    database.disorder = undefined;
    expect(await load({ projectKey: 'OPS', slug: 'another' })).toBeUndefined();
    await clock.runUntilIdle();
    expect(renewed).toEqual([{ host: HOST, slugs: 'all' }]);
  });

  it('is no longer renewed once the backend stops', async () => {
    const { clock, database, end, stamps } = setUp();
    database.disorder = 'fails';
    await stamps.renew(HOST, [API]);
    end.abort();
    await clock.settle();
    expect(clock.sleeping).toBe(0);
  });
});

it('an outage of the database is logged at its beginning and at its end', async () => {
  const { clock, database, load, logger, stamps } = setUp();
  for (const outages of [1, 2]) {
    database.disorder = 'fails';
    await stamps.renew(HOST, [API]);
    expect(await load(WEB)).toBeUndefined();
    await clock.advance(60_000);
    database.disorder = undefined;
    await clock.advance(70_000);
    await load(WEB);
    expect(logger.messages('warn')).toHaveLength(outages);
    expect(logger.messages('info')).toHaveLength(outages);
  }
  expect(logger.messages('warn')[0]).toMatch(
    /reported changes are stored later.*no conn/,
  );
});
