/** Looking up files: found, proven absent, or unknown. */

import {
  createSimulatedBitbucket,
  FaultOptions,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { createSimulatedClient } from '../__testUtils__/simulatedClient';

type Effect = FaultOptions['effect'];

const API = { projectKey: 'PAY', slug: 'api' };
const PATH = 'catalog-info.yaml';
const FOUND = { kind: 'found', value: true };
const absent = (reason: string) => ({ kind: 'absent', reason });
const unknown = (reason: string) => ({
  kind: 'unknown',
  problem: { reason, detail: expect.any(String) },
});

function connect(options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', token: 'BBDC-s3cret' }],
    ...options,
  });
  const files = { [PATH]: 'kind: API', 'docs/index.md': '', 'a b/c#d?%.yaml': '' };
  const branches = { 'feature/a&b+c': { 'on-branch.yaml': '' } };
  bitbucket.addRepository({ ...API, files, branches });
  return {
    bitbucket,
    ...createSimulatedClient({ bitbucket, signIn: { token: 'BBDC-s3cret' } }),
  };
}

describe('findFile', () => {
  it.each<[string, string, string | undefined, object]>([
    ['a file', PATH, undefined, FOUND],
    ['a file whose name needs encoding', 'a b/c#d?%.yaml', undefined, FOUND],
    ['a file on a branch', 'on-branch.yaml', 'feature/a&b+c', FOUND],
    ['a file on the default branch by its name', PATH, 'main', FOUND],
    ['a directory', 'docs', undefined, absent('no-catalog-file')],
    ['a missing file', 'nope.yaml', undefined, absent('no-catalog-file')],
    ['a file of another branch', 'on-branch.yaml', undefined, absent('no-catalog-file')],
    [
      'a file of the default branch on another',
      PATH,
      'feature/a&b+c',
      absent('no-catalog-file'),
    ],
    ['a name in other case', 'CATALOG-INFO.yaml', undefined, absent('no-catalog-file')],
    ['a missing branch', PATH, 'nope', absent('branch-not-found')],
    ['a branch given as a ref', PATH, 'refs/heads/main', absent('branch-not-found')],
  ])(
    'returns the result for %s with one request',
    async (_name, path, branch, expected) => {
      const { ask, attempts } = connect();
      expect(await ask(client => client.findFile(API, path, { branch }))).toEqual(
        expected,
      );
      expect(attempts.map(({ kind }) => kind)).toEqual(['file-check']);
    },
  );

  it('does not take a submodule for a file', async () => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ effect: { type: 'body', body: '{"type":"SUBMODULE"}' } });
    expect(await ask(client => client.findFile(API, PATH))).toEqual(
      absent('no-catalog-file'),
    );
  });

  it('requests the branch by its ref id, so that Bitbucket does not take a tag of the same name', async () => {
    const { ask, asked } = connect();
    await ask(client => client.findFile(API, PATH, { branch: 'v1.0' }));
    expect(asked()).toEqual([
      '/projects/PAY/repos/api/browse/catalog-info.yaml?type=true&at=refs%2Fheads%2Fv1.0',
    ]);
  });
});

describe('listFiles', () => {
  it.each<[string, string | undefined, string[]]>([
    ['the default branch', undefined, ['a b/c#d?%.yaml', PATH, 'docs/index.md']],
    ['a branch', 'feature/a&b+c', ['on-branch.yaml']],
  ])('lists %s in one request', async (_name, branch, value) => {
    const { ask, attempts } = connect();
    expect(await ask(client => client.listFiles(API, { branch }))).toEqual({
      kind: 'found',
      value,
    });
    expect(attempts.map(({ kind }) => kind)).toEqual(['files-listing']);
  });

  it('requests as many files as the file finder of Bitbucket and follows a lower cap', async () => {
    const { ask, asked } = connect({ pageCaps: { files: 2 } });
    const lookup = await ask(client => client.listFiles(API));
    expect(lookup).toMatchObject({ kind: 'found', value: { length: 3 } });
    const at = await ask(client => client.getHeadCommit(API));
    const commit = at.kind === 'found' ? at.value : '';
    expect(asked().slice(0, -1)).toEqual([
      '/projects/PAY/repos/api/files?start=0&limit=100000',
      '/projects/PAY/repos/api/commits?start=0&limit=1',
      `/projects/PAY/repos/api/files?start=0&limit=2&at=${commit}`,
      `/projects/PAY/repos/api/files?start=2&limit=2&at=${commit}`,
    ]);
  });

  it.each([
    ['the default branch', undefined],
    ['a branch', 'main'],
  ])(
    'omits no file of %s where a push between two pages shifts those after it',
    async (_, branch) => {
      const { bitbucket, ask } = connect({ pageCaps: { files: 1 } });
      let isShifted = false;
      const match = ({ query }: { query: URLSearchParams }) => {
        if (query.get('start') === '1' && !isShifted) {
          isShifted = true;
          bitbucket.removeFile('PAY', 'api', 'a b/c#d?%.yaml');
        }
        return false;
      };
      bitbucket.faults.add({ match, effect: 'reset' });

      const lookup = await ask(client => client.listFiles(API, { branch }));

      expect(lookup).toMatchObject({ kind: 'found' });
      expect(lookup).toHaveProperty('value', expect.arrayContaining([PATH]));
    },
  );

  it.each<[string, Effect]>([
    ['is refused', { type: 'status', status: 403 }],
    ['does not exist any more', { type: 'status', status: 404 }],
  ])('is unknown where the commit of several pages %s', async (_, effect) => {
    const { bitbucket, ask } = connect({ pageCaps: { files: 1 } });
    const match = ({ query }: { query: URLSearchParams }) =>
      /^[0-9a-f]{40}$/.test(query.get('at') ?? '');
    bitbucket.faults.add({ match, effect });
    const lookup = await ask(client => client.listFiles(API));
    expect(lookup).toMatchObject({ kind: 'unknown' });
  });

  it('is unknown where several pages follow and the newest commit cannot be read', async () => {
    const { bitbucket, ask } = connect({ pageCaps: { files: 1 } });
    const effect = { type: 'status', status: 403 } as const;
    bitbucket.faults.add({ match: { path: /\/commits\?/ }, effect });
    expect(await ask(client => client.listFiles(API))).toMatchObject({ kind: 'unknown' });
  });

  it('reads a very large repository', async () => {
    const { bitbucket, ask } = connect();
    const paths = (first: number) =>
      Array.from({ length: 100_000 }, (_, index) => `dir/file-${first + index}`);
    const serve = (start: number, rest: object) => {
      const body = JSON.stringify({ values: paths(start), ...rest });
      const match = { kind: 'files-listing', start } as const;
      bitbucket.faults.add({ match, effect: { type: 'body', body } });
    };
    serve(0, { isLastPage: false, nextPageStart: 100_000 });
    serve(100_000, { isLastPage: true });
    const lookup = await ask(client => client.listFiles(API));
    expect(lookup).toMatchObject({ kind: 'found', value: { length: 200_000 } });
  });

  it('rejects a page of far more files than were requested', async () => {
    const { bitbucket, ask } = connect();
    const body = JSON.stringify({ values: Array(101_001).fill('a'), isLastPage: true });
    bitbucket.faults.add({ effect: { type: 'body', body } });
    const lookup = await ask(client => client.listFiles(API));
    expect(lookup).toMatchObject({
      kind: 'unknown',
      problem: {
        reason: 'unexpected-answer',
        detail: expect.stringContaining('101001 rows where 100000 were asked for'),
      },
    });
  });

  it('proves a missing branch', async () => {
    const { ask } = connect();
    expect(await ask(client => client.listFiles(API, { branch: 'no' }))).toEqual(
      absent('branch-not-found'),
    );
  });

  it.each([
    ['no text', { path: 'a' }],
    ['a path with NUL', 'a\0'],
    ['a path with half a character', 'a\ud800'],
  ])(
    'is unknown where the listing has %s, which may be the catalog file',
    async (_, item) => {
      const { bitbucket, ask } = connect();
      bitbucket.faults.add({ effect: { type: 'bad-item', item } });
      expect(await ask(client => client.listFiles(API))).toEqual(
        unknown('unexpected-answer'),
      );
    },
  );

  it.each<[string, Effect]>([
    ['leads back to itself', 'looping-page'],
    ['does not say where the next one begins', 'null-next-page-start'],
    ['fails', { type: 'status', status: 400 }],
  ])('is unknown where a page %s', async (_name, effect) => {
    const { bitbucket, ask } = connect({ pageCaps: { files: 1 } });
    bitbucket.faults.add({ match: { start: 1 }, effect });
    expect(await ask(client => client.listFiles(API))).toEqual(
      unknown('unexpected-answer'),
    );
  });
});

const EXCEPTION = 'com.atlassian.bitbucket';

/** Fault, reason, attempts. */
const FAULTS: [string, Effect, string, number][] = [
  [
    '401 AuthorisationException',
    { type: 'status', status: 401, exceptionName: `${EXCEPTION}.AuthorisationException` },
    'not-permitted',
    1,
  ],
  [
    '401 that names NoSuchPathException',
    {
      type: 'status',
      status: 401,
      exceptionName: `${EXCEPTION}.content.NoSuchPathException`,
    },
    'not-permitted',
    1,
  ],
  ['403', { type: 'html', status: 403 }, 'not-permitted', 1],
  ['a lost permission', 'lost-permission', 'not-permitted', 1],
  ['404 in XML', 'xml-404', 'unexpected-answer', 1],
  ['404 in HTML', { type: 'html', status: 404 }, 'unexpected-answer', 1],
  [
    '404 in the JSON of a proxy',
    { type: 'status', status: 404, body: { message: 'no route' } },
    'unexpected-answer',
    1,
  ],
  ['404 without an exception', { type: 'status', status: 404 }, 'unexpected-answer', 1],
  [
    '404 of the repository',
    {
      type: 'status',
      status: 404,
      exceptionName: `${EXCEPTION}.repository.NoSuchRepositoryException`,
    },
    'unexpected-answer',
    1,
  ],
  [
    '404 of an object nobody asked for',
    { type: 'status', status: 404, exceptionName: `${EXCEPTION}.NoSuchObjectException` },
    'unexpected-answer',
    1,
  ],
  [
    '200 that names NoSuchPathException',
    {
      type: 'status',
      status: 200,
      exceptionName: `${EXCEPTION}.content.NoSuchPathException`,
    },
    'unexpected-answer',
    1,
  ],
  ['429 that does not end', { type: 'status', status: 429 }, 'rate-limited', 6],
  ['500', { type: 'status', status: 500 }, 'server-error', 2],
  [
    '500 that names NoSuchPathException',
    {
      type: 'status',
      status: 500,
      exceptionName: `${EXCEPTION}.content.NoSuchPathException`,
    },
    'server-error',
    2,
  ],
  ['502', { type: 'html', status: 502 }, 'server-error', 4],
  ['a reset', 'reset', 'server-error', 4],
  ['half an answer', 'truncated-json', 'unexpected-answer', 1],
  ['a login page', 'login-page', 'unexpected-answer', 1],
  ['an empty body', { type: 'body', body: '' }, 'unexpected-answer', 1],
  [
    'an unknown file type',
    { type: 'body', body: '{"type":"SYMLINK"}' },
    'unexpected-answer',
    1,
  ],
  [
    'a redirect elsewhere',
    { type: 'redirect', to: 'https://sso.example.com/' },
    'unexpected-answer',
    1,
  ],
];

/** Matches requests of the listing with a limit above this one. */
const moreThan = (limit: number) => (request: { query: URLSearchParams }) =>
  Number(request.query.get('limit')) > limit;

describe('listFiles of a huge repository', () => {
  const LIMITS = [100_000, 50_000, 25_000, 12_500];
  const tooLarge = { type: 'body', body: ' '.repeat(33 * 1024 * 1024) } as const;
  const getLimits = (asked: string[]) =>
    asked.map(path => Number(/limit=(\d+)/.exec(path)?.[1]));

  it.each<[string, Effect]>([
    ['takes too long', 'hang'],
    ['takes a proxy too long', { type: 'html', status: 504 }],
    ['is larger than 32 MiB', tooLarge],
  ])('requests a smaller page where one %s', async (_, effect) => {
    const { bitbucket, ask, asked } = connect();
    bitbucket.faults.add({ match: moreThan(20_000), effect });
    const lookup = await ask(client => client.listFiles(API));
    expect(lookup).toMatchObject({ kind: 'found', value: { length: 3 } });
    expect(getLimits(asked())).toEqual(LIMITS);
  });

  it('gives up with a reason where the smallest page is too large', async () => {
    const { bitbucket, ask, asked } = connect();
    bitbucket.faults.add({ effect: tooLarge });
    expect(await ask(client => client.listFiles(API))).toMatchObject({
      ...unknown('unexpected-answer'),
      isTooMuch: true,
      problem: { detail: expect.stringMatching(/limit=12500.*larger than/) },
    });
    expect(getLimits(asked())).toEqual(LIMITS);
  });

  it('gives up with a reason where the smallest page times out at every attempt', async () => {
    const { bitbucket, ask, asked } = connect();
    bitbucket.faults.add({ effect: 'hang' });
    expect(await ask(client => client.listFiles(API))).toMatchObject({
      ...unknown('timeout'),
      isTooMuch: true,
      problem: { detail: expect.stringMatching(/limit=12500 failed after 4 attempts/) },
    });
    expect(getLimits(asked())).toEqual([...LIMITS, 12_500, 12_500, 12_500]);
  });

  it.each<[string, Effect]>([
    ['takes too long', 'hang'],
    ['is larger than 32 MiB', tooLarge],
  ])(
    'sends one request where it may read only one page and that %s',
    async (_, effect) => {
      const { bitbucket, ask, asked } = connect();
      bitbucket.faults.add({ match: moreThan(20_000), effect });
      const lookup = await ask(client => client.listFiles(API, { inOnePage: true }));
      expect(lookup).toMatchObject({ kind: 'unknown', isTooMuch: true });
      expect(asked()).toHaveLength(1);
    },
  );
});

describe('findFile', () => {
  it('is unknown where no answer comes in time, after four attempts', async () => {
    const { bitbucket, ask, attempts } = connect();
    bitbucket.faults.add({ effect: 'hang' });
    expect(await ask(client => client.findFile(API, PATH))).toMatchObject(
      unknown('timeout'),
    );
    expect(attempts).toHaveLength(4);
  });
});

describe.each(['findFile', 'listFiles'] as const)('%s', method => {
  type Connection = ReturnType<typeof connect>;
  const request = ({ ask }: Connection, address = API) =>
    ask<object>(client =>
      method === 'findFile' ? client.findFile(address, PATH) : client.listFiles(address),
    );

  it.each(FAULTS)('is unknown after %s', async (_name, effect, reason, count) => {
    const connection = connect();
    connection.bitbucket.faults.add({ effect });
    expect(await request(connection)).toMatchObject(unknown(reason));
    expect(connection.attempts).toHaveLength(count);
  });

  it.each([
    ['EmptyRepositoryException', 'empty-repository'],
    ['NoDefaultBranchException', 'branch-not-found'],
  ] as const)(
    'proves that a repository is empty by %s',
    async (emptyRepositories, reason) => {
      const connection = connect({ emptyRepositories });
      const empty = { projectKey: 'PAY', slug: 'empty' };
      connection.bitbucket.addRepository({ ...empty, empty: true });
      expect(await request(connection, empty)).toEqual(absent(reason));
      expect(connection.attempts).toHaveLength(1);
    },
  );

  it('proves that the default branch does not exist', async () => {
    const connection = connect();
    connection.bitbucket.setDefaultBranch('PAY', 'api', 'gone');
    expect(await request(connection)).toEqual(absent('branch-not-found'));
  });

  it.each([
    ['repository', { projectKey: 'PAY', slug: 'no' }],
    ['project', { projectKey: 'NO', slug: 'api' }],
  ])(
    'is unknown for an unknown %s, which this request cannot prove',
    async (_name, address) => {
      expect(await request(connect(), address)).toEqual(unknown('unexpected-answer'));
    },
  );

  it('is unknown where the repository may not be seen', async () => {
    const connection = connect();
    connection.bitbucket.hide('bot', 'PAY/api');
    expect(await request(connection)).toMatchObject(unknown('not-permitted'));
  });

  it('survives a fault that passes', async () => {
    const connection = connect();
    connection.bitbucket.faults.add({ times: 1, effect: 'reset' });
    expect(await request(connection)).toMatchObject({ kind: 'found' });
    expect(connection.attempts.map(({ result }) => result)).toEqual([
      'network-error',
      200,
    ]);
  });
});
