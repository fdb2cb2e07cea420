/** What the catalog gets while the database does not say which repositories have changed. */

import { Disorder } from '../__testUtils__/MemoryBuckets';
import { FILE, setUpReader } from './__testUtils__/readerScene';

const NOT_MODIFIED = { name: 'NotModifiedError' };
const PLAIN_ERROR = { name: 'Error' };
const DAY = 24 * 3_600_000;

describe.each<Disorder>(['fails', 'hangs'])('while the database %s', disorder => {
  it('each read sends a request, and the next one as well, with one warning per outage', async () => {
    const { asked, base, bitbucket, clock, database, logger, search } = setUpReader();
    const url = `${base}/${FILE}`;
    const { etag } = await search(url);
    for (const outages of [1, 2]) {
      database.disorder = disorder;
      bitbucket.clearRequests();
      const meanwhile = await search(url, etag);
      expect(meanwhile.contents).toEqual({ [url]: 'kind: API' });
      expect((await search(url, meanwhile.etag)).files).toHaveLength(1);
      expect(asked()).toHaveLength(2);
      expect(logger.messages('warn')).toHaveLength(outages);

      database.disorder = undefined;
      await clock.advance(60_000);
      // Nothing is known about the time in between.
      const later = await search(url, meanwhile.etag);
      expect(asked()).toHaveLength(3);
      await expect(search(url, later.etag)).rejects.toMatchObject(NOT_MODIFIED);
      expect(logger.messages('info')).toHaveLength(outages);
    }
    expect(logger.messages('warn')[0]).toMatch(
      /^The database does not answer which repositories have changed/,
    );
  });

  it('the catalog keeps what it has where Bitbucket does not answer either, and no file counts as absent', async () => {
    const { absent, base, bitbucket, clock, database, search } = setUpReader();
    const url = `${base}/${FILE}`;
    const { etag } = await search(url);
    database.disorder = disorder;
    bitbucket.faults.add({ effect: { type: 'html', status: 404 } });
    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
    await expect(search(url)).rejects.toMatchObject(PLAIN_ERROR);
    await clock.advance(DAY);
    await expect(search(url, etag)).rejects.toMatchObject(PLAIN_ERROR);
    expect(absent).toEqual([]);
  });

  it('a read that does not get its turn waits for maxWait in all', async () => {
    const { base, clock, database, search } = setUpReader({
      reading: { maxWait: { seconds: 8 } },
      rateLimit: { kind: 'fixed', requestsPerSecond: 0.01, burst: 1 },
    });
    await search(`${base}/${FILE}`);
    database.disorder = disorder;
    const fromMs = clock.monotonicMs();
    await expect(search(`${base}/${FILE}`)).rejects.toThrow(/was not sent/);
    expect(clock.monotonicMs() - fromMs).toBe(8_000);
  });
});

it('the URL reader queries a database that hangs once in 5 seconds, and no other read waits for it', async () => {
  const { base, clock, database, reader } = setUpReader();
  database.disorder = 'hangs';
  const secondsOf = async () => {
    const fromMs = clock.monotonicMs();
    const takes = Array.from({ length: 10 }, async () => {
      await reader.search(`${base}/${FILE}`);
      return (clock.monotonicMs() - fromMs) / 1_000;
    });
    return clock.run(Promise.all(takes));
  };
  expect(await secondsOf()).toEqual(Array.from({ length: 10 }, () => 2.5));
  expect(await secondsOf()).toEqual(Array.from({ length: 10 }, () => 0));
  await clock.advance(5_000);
  expect(await secondsOf()).toEqual([2.5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});
