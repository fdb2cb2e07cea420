/** What the reader returns to the catalog and to other plugins, with a simulated Bitbucket. */

import { TEST_USER } from '../__testUtils__/testProvider';
import { BRANCH, FILE, setUpReader } from './__testUtils__/readerScene';

const MINUTE = 60_000;
const NOT_MODIFIED = { name: 'NotModifiedError' };

describe('a search of the catalog', () => {
  it.each<[string, (base: string) => string, string]>([
    ['a file', base => `${base}/${FILE}`, 'kind: API'],
    [
      'on a branch',
      base => `${base}/${FILE}?at=${encodeURIComponent(BRANCH)}`,
      'kind: Branch',
    ],
    [
      'on a full ref',
      base => `${base}/${FILE}?at=${encodeURIComponent(`refs/heads/${BRANCH}`)}`,
      'kind: Branch',
    ],
    ['odd characters', base => `${base}/a%20b/%5Bx%5D%20%C3%BC%25%23.yaml`, 'odd'],
    ['an empty file', base => `${base}/empty.yaml`, ''],
    ['a file that is HTML', base => `${base}/page.html`, '<html>a page of ours</html>'],
    [
      'a personal project',
      base => base.replace('projects/PAY/repos/api', 'users/jane/repos/own') + `/${FILE}`,
      'kind: Own',
    ],
  ])('reads %s', async (_, toUrl, content) => {
    const { base, search } = setUpReader();
    const url = toUrl(base);
    expect((await search(url)).contents).toEqual({ [url]: content });
  });

  it('reads below a context path', async () => {
    const { base, search } = setUpReader({
      bitbucket: { baseUrl: 'http://bitbucket.test/git' },
    });
    expect((await search(`${base}/${FILE}`)).contents).toEqual({
      [`${base}/${FILE}`]: 'kind: API',
    });
  });

  it('sends no request while nothing has changed, but does after a change or maxAge', async () => {
    const { base, bitbucket, change, clock, search, asked } = setUpReader();
    const url = `${base}/${FILE}`;
    const { etag } = await search(url);
    bitbucket.clearRequests();
    await clock.advance(10 * MINUTE);
    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
    expect(asked()).toEqual([]);

    change('api');
    const second = await search(url, etag);
    expect(second.contents).toEqual({ [url]: 'kind: API' });
    await expect(search(url, second.etag)).rejects.toMatchObject(NOT_MODIFIED);

    await clock.advance(15 * MINUTE);
    await search(url, second.etag);
    expect(asked()).toEqual([`raw/${FILE}`, `raw/${FILE}`]);
  });

  it('returns no files for a proven absence, with an etag that works like any other', async () => {
    const { absent, base, bitbucket, search, asked } = setUpReader();
    const url = `${base}/nope.yaml`;
    const { files, etag } = await search(url);
    expect(files).toEqual([]);
    expect(etag).not.toBe('');
    await search(`${base}/${FILE}`);
    expect(absent).toEqual([url]);
    bitbucket.clearRequests();
    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
    expect(asked()).toEqual([]);
  });

  it('reads the files that match a pattern, as the built-in reader names them', async () => {
    const { base, bitbucket, search, asked } = setUpReader();
    bitbucket.clearRequests();
    const { contents, etag } = await search(`${base}/services/**/catalog-info.yaml`);
    expect(contents).toEqual({
      [`${base}/services/one/catalog-info.yaml`]: 'one',
      [`${base}/services/two/catalog-info.yaml`]: 'two',
    });
    expect(asked().filter(request => !request.startsWith('/rest'))).toEqual([
      'files?start=0&limit=100000',
      'raw/services/one/catalog-info.yaml',
      'raw/services/two/catalog-info.yaml',
    ]);
    await expect(
      search(`${base}/services/**/catalog-info.yaml`, etag),
    ).rejects.toMatchObject(NOT_MODIFIED);
  });

  it('reads a pattern on a full ref', async () => {
    const { base, search } = setUpReader();
    const at = `?at=${encodeURIComponent(`refs/heads/${BRANCH}`)}`;
    const { contents } = await search(`${base}/*.yaml${at}`);
    expect(contents[`${base}/${FILE}${at}`]).toBe('kind: Branch');
  });

  it('finds nothing for a pattern that matches nothing', async () => {
    const { base, search } = setUpReader();
    expect(await search(`${base}/nope/*.yaml`)).toMatchObject({ files: [] });
  });

  it('fails if one of the files of a pattern cannot be read', async () => {
    const { base, bitbucket, search } = setUpReader();
    bitbucket.faults.add({ match: { path: /one/ }, effect: 'login-page' });
    await expect(search(`${base}/services/*/*.yaml`)).rejects.toMatchObject({
      name: 'Error',
    });
  });

  it('refuses a URL that is not in a repository', async () => {
    const { bitbucket, search } = setUpReader();
    await expect(search(`${bitbucket.baseUrl}/dashboard`)).rejects.toMatchObject({
      name: 'InputError',
    });
  });
});

describe('a search of the catalog that gets no answer', () => {
  const outage = { type: 'html', status: 404 } as const;

  it('keeps the previous files for staleIfUnavailable, then fails without NotFoundError', async () => {
    const { base, bitbucket, change, clock, logger, search } = setUpReader();
    const url = `${base}/${FILE}`;
    const { etag } = await search(url);
    change('api');
    bitbucket.faults.add({ effect: outage });

    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
    await clock.advance(23 * 60 * MINUTE);
    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
    await clock.advance(61 * MINUTE);
    await expect(search(url, etag)).rejects.toMatchObject({
      name: 'Error',
      message: expect.stringContaining('could not be read'),
    });
    expect(logger.messages('warn')).toHaveLength(3);
    expect(logger.text()).not.toContain(TEST_USER.password);
  });

  it.each([undefined, '', '0123456789ab'])(
    'fails if the etag is not from an earlier read: %s',
    async etag => {
      const { base, bitbucket, search } = setUpReader();
      bitbucket.faults.add({ effect: outage });
      await expect(search(`${base}/${FILE}`, etag)).rejects.toMatchObject({
        name: 'Error',
      });
    },
  );

  it('warns once a minute, however many files there are', async () => {
    const { base, bitbucket, clock, logger, search } = setUpReader();
    bitbucket.faults.add({ effect: outage });
    const fail = () => expect(search(`${base}/${FILE}`)).rejects.toThrow();
    for (let times = 0; times < 5; times += 1) await fail();
    await clock.advance(MINUTE);
    await fail();
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(/^1 read\(s\) .* failed; for 0 of them/),
      expect.stringMatching(/^5 read\(s\) .* failed; for 0 of them/),
    ]);
  });

  it('accepts an empty answer or a web page only if Bitbucket confirms it', async () => {
    const { base, bitbucket, search } = setUpReader();
    const fault = bitbucket.faults.add({
      match: { kind: 'raw' },
      effect: { type: 'body', body: '' },
    });
    await expect(search(`${base}/${FILE}`)).rejects.toThrow(/an empty body/);
    fault.remove();
    bitbucket.faults.add({ effect: 'login-page' });
    await expect(search(`${base}/page.html`)).rejects.toThrow(/an HTML page/);
  });

  it('waits no longer than twice maxWait, and does not retry without an answer', async () => {
    const { base, bitbucket, clock, search, asked } = setUpReader();
    bitbucket.faults.add({ effect: 'hang' });
    const startedAt = clock.monotonicMs();
    await expect(search(`${base}/${FILE}`)).rejects.toThrow(/did not answer within 20 s/);
    expect(clock.monotonicMs() - startedAt).toBe(20_000);
    expect(asked()).toHaveLength(1);
  });

  it('gives up its turn after maxWait', async () => {
    const { base, clock, search } = setUpReader({
      rateLimit: { kind: 'fixed', requestsPerSecond: 0.01, burst: 1 },
    });
    await search(`${base}/${FILE}`);
    const startedAt = clock.monotonicMs();
    await expect(search(`${base}/${FILE}`)).rejects.toThrow(/was not sent/);
    expect(clock.monotonicMs() - startedAt).toBe(10_000);
  });

  it('stops requests with refused credentials, and tries them again later', async () => {
    const { base, bitbucket, clock, search, asked } = setUpReader();
    const { etag } = await search(`${base}/${FILE}`);
    const fault = bitbucket.faults.add({ effect: { type: 'html', status: 401 } });
    await clock.advance(15 * MINUTE);
    bitbucket.clearRequests();
    for (let times = 0; times < 5; times += 1) {
      await expect(search(`${base}/${FILE}`, etag)).rejects.toMatchObject(NOT_MODIFIED);
    }
    expect(asked()).toHaveLength(1);
    fault.remove();
    await clock.advance(5 * MINUTE);
    expect((await search(`${base}/${FILE}`, etag)).files).toHaveLength(1);
  });

  it('applies to URLs of its host only', () => {
    const { base, predicate } = setUpReader();
    expect(predicate(new URL(base))).toBe(true);
    expect(predicate(new URL('https://example.com/projects/PAY/repos/api'))).toBe(false);
  });
});

describe('a configuration that changes while the backend runs', () => {
  it('takes effect with the next read', async () => {
    const { base, reconfigure, search } = setUpReader();
    const url = `${base}/${FILE}`;
    const { etag } = await search(url);
    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
    reconfigure({ maxAge: '0 seconds' });
    expect((await search(url, etag)).files).toHaveLength(1);
  });

  it('makes the reader try new credentials immediately, although the old ones were refused', async () => {
    const { base, clock, reconfigure, search } = setUpReader();
    const url = `${base}/${FILE}`;
    reconfigure({}, 'expired');
    await expect(search(url)).rejects.toThrow(/rejected the configured credentials/);
    reconfigure({});
    expect((await search(url)).files).toHaveLength(1);
    expect(clock.monotonicMs()).toBeLessThan(MINUTE);
  });

  it('has no effect if it is invalid', async () => {
    const { base, logger, reconfigure, search } = setUpReader();
    const url = `${base}/${FILE}`;
    const { etag } = await search(url);
    reconfigure({ maxAge: 'never' });
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /not used for reading files.*bitbucketServer\.maxAge must be/,
      ),
    ]);
    await expect(search(url, etag)).rejects.toMatchObject(NOT_MODIFIED);
  });
});

describe('a file for another plugin', () => {
  const other = { pluginId: 'scaffolder' };

  it('is requested each time, whatever etag the plugin has', async () => {
    const { base, search, asked } = setUpReader(other);
    const url = `${base}/${FILE}`;
    const { etag, contents } = await search(url);
    expect(contents).toEqual({ [url]: 'kind: API' });
    expect(etag).toBe('');
    await search(url, etag);
    expect(asked().filter(request => request === `raw/${FILE}`)).toHaveLength(2);
    expect(await search(`${base}/nope.yaml`)).toMatchObject({ files: [], etag: '' });
  });

  it('is available as a buffer or as a stream', async () => {
    const { base, clock, reader } = setUpReader(other);
    const read = await clock.run(reader.readUrl(`${base}/${FILE}`));
    expect(String(await read.buffer())).toBe('kind: API');
    expect(String(await read.buffer())).toBe('kind: API');
    const again = await clock.run(reader.readUrl(`${base}/${FILE}`));
    const parts: Buffer[] = [];
    for await (const part of again.stream?.() ?? []) parts.push(Buffer.from(part));
    expect(String(Buffer.concat(parts))).toBe('kind: API');
  });

  it.each<[string, Parameters<typeof setUpReader>[0], string]>([
    ['nope.yaml', other, 'NotFoundError'],
    [`${FILE}?at=nope`, other, 'NotFoundError'],
  ])('is not found only if Bitbucket says so: %s', async (path, options, name) => {
    const { base, clock, reader } = setUpReader(options);
    await expect(clock.run(reader.readUrl(`${base}/${path}`))).rejects.toMatchObject({
      name,
    });
  });

  it.each([
    ['a 404 of a proxy', { type: 'html', status: 404 } as const],
    ['a login page', 'login-page' as const],
    ['an error', { type: 'status', status: 500 } as const],
  ])('causes another error otherwise: %s', async (_, effect) => {
    const { base, bitbucket, clock, reader } = setUpReader(other);
    bitbucket.faults.add({ effect });
    await expect(clock.run(reader.readUrl(`${base}/${FILE}`))).rejects.toMatchObject({
      name: 'Error',
    });
  });

  it('is not modified if the headers say so', async () => {
    const { base, bitbucket, clock, reader } = setUpReader(other);
    const handle = bitbucket.handle;
    Object.assign(bitbucket, {
      handle: async (request: Request) => {
        const response = await handle(request);
        response.headers.set('ETag', '"one"');
        response.headers.set('Last-Modified', 'Mon, 01 Jan 2024 00:00:00 GMT');
        return response;
      },
    });
    const read = (options: object) =>
      clock.run(reader.readUrl(`${base}/${FILE}`, options));
    const first = await read({});
    expect(first).toMatchObject({ etag: '"one"', lastModifiedAt: new Date(2024, 0, 1) });
    await expect(read({ etag: '"one"' })).rejects.toMatchObject(NOT_MODIFIED);
    await expect(read({ lastModifiedAfter: new Date(2024, 0, 2) })).rejects.toMatchObject(
      NOT_MODIFIED,
    );
    await expect(read({ etag: '"two"' })).resolves.toBeDefined();
  });
});

describe('a tree', () => {
  it('has the commit as its etag and is requested as one archive', async () => {
    const { base, clock, git, reader, trees, asked } = setUpReader({
      pluginId: 'techdocs',
    });
    const commit = git.tip('main')?.id ?? '';
    const etag = commit.slice(0, 12);
    // The simulated Bitbucket has no archives.
    await expect(clock.run(reader.readTree(`${base}/services`))).rejects.toThrow();
    expect(asked()).toContain(
      `archive?format=tgz&at=${commit}&prefix=PAY-api&path=services`,
    );
    expect(trees).toEqual([]);
    await expect(
      clock.run(reader.readTree(`${base}/services`, { etag })),
    ).rejects.toMatchObject(NOT_MODIFIED);
  });
});
