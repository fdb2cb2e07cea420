import { createSimulatedBitbucket, FaultOptions } from '../../dev/simulatedBitbucket';
import { createSimulatedClient } from '../__testUtils__/simulatedClient';

const API = { projectKey: 'PAY', slug: 'api' };

function connect(options: { readonly changes?: number; version?: string } = {}) {
  const bitbucket = createSimulatedBitbucket({
    version: options.version,
    users: [{ name: 'bot', token: 'BBDC-s3cret' }],
    ...(options.changes !== undefined && { pageCaps: { changes: options.changes } }),
  });
  bitbucket.addRepository({ ...API, files: { 'a.yaml': 'a', 'b.yaml': 'b' } });
  const signIn = { token: 'BBDC-s3cret' };
  return { bitbucket, ...createSimulatedClient({ bitbucket, signIn }) };
}

const unknown = (reason: string) => ({
  kind: 'unknown',
  problem: { reason, detail: expect.any(String) },
});

describe('getDefaultBranch', () => {
  it.each(['main', 'trunk', 'release/1.0', 'feature/ü x'])(
    'returns the short name %s with one request',
    async branch => {
      const { bitbucket, ask, attempts } = connect();
      bitbucket.setDefaultBranch('PAY', 'api', branch);
      const answer = await ask(client => client.getDefaultBranch(API));
      expect(answer).toEqual({ kind: 'found', value: branch });
      expect(attempts).toEqual([{ kind: 'default-branch', result: 200 }]);
    },
  );

  it('returns the configured branch of an empty repository, where the server names it', async () => {
    const { bitbucket, ask } = connect();
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'new', empty: true });
    const at = { projectKey: 'PAY', slug: 'new' };
    const answer = await ask(client => client.getDefaultBranch(at));
    expect(answer).toEqual({ kind: 'found', value: 'main' });
  });

  it('is absent where the server answers 204', async () => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ effect: { type: 'status', status: 204, body: '' } });
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual({ kind: 'absent', reason: 'empty-repository' });
  });

  it('is absent where the server names the exception', async () => {
    const { bitbucket, ask } = connect();
    const exceptionName = 'com.atlassian.bitbucket.repository.NoDefaultBranchException';
    bitbucket.faults.add({ effect: { type: 'status', status: 404, exceptionName } });
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual({ kind: 'absent', reason: 'branch-not-found' });
  });

  it('is absent where the repository is gone, which the caller then checks itself', async () => {
    const { bitbucket, ask } = connect();
    bitbucket.deleteRepository('PAY', 'api');
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual({ kind: 'absent', reason: 'branch-not-found' });
  });

  it('is unknown where Bitbucket refuses it, and marked as a refusal by Bitbucket itself', async () => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ effect: 'lost-permission' });
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual({ ...unknown('not-permitted'), isRefusal: true });
  });

  it('uses the older endpoint where the server does not have the newer one', async () => {
    const { ask, asked } = connect({ version: '7.4.2' });
    expect(await ask(client => client.getDefaultBranch(API))).toEqual({
      kind: 'found',
      value: 'main',
    });
    expect(asked()).toEqual([
      '/projects/PAY/repos/api/default-branch',
      '/projects/PAY/repos/api/branches/default',
    ]);
  });

  it.each([
    ['an empty repository', { empty: true }, 'empty-repository'],
    ['a branch that does not exist', { defaultBranch: 'missing' }, 'branch-not-found'],
  ])('proves %s on an old server', async (_, options, reason) => {
    const { bitbucket, ask } = connect({ version: '6.10.0' });
    const at = { projectKey: 'PAY', slug: 'new' };
    bitbucket.addRepository({ ...at, ...options });
    const answer = await ask(client => client.getDefaultBranch(at));
    expect(answer).toEqual({ kind: 'absent', reason });
  });

  it('uses the older endpoint where an even older server answers in plain text', async () => {
    const { bitbucket, ask, asked } = connect();
    const body = '404null for uri: http://bitbucket.test/rest/api/1.0/x';
    bitbucket.faults.add({ times: 1, effect: { type: 'status', status: 404, body } });
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual({ kind: 'found', value: 'main' });
    expect(asked()).toHaveLength(2);
  });

  it.each<[string, FaultOptions['effect']]>([
    ["a proxy's 404", { type: 'html', status: 404 }],
    ['a bare 404', { type: 'status', status: 404, body: '' }],
    ['a 404 in foreign JSON', { type: 'status', status: 404, body: { message: 'no' } }],
    ['a login page', 'login-page'],
  ])('does not take %s for an old server', async (_, effect) => {
    const { bitbucket, ask, asked } = connect();
    bitbucket.faults.add({ effect });
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual(unknown('unexpected-answer'));
    expect(asked()).toHaveLength(1);
  });

  it.each<[string, FaultOptions['effect'], string]>([
    ['a refusal that is not its own', { type: 'html', status: 403 }, 'not-permitted'],
    ['a bare 404', { type: 'status', status: 404 }, 'unexpected-answer'],
    ['a login page', 'login-page', 'unexpected-answer'],
    ['half an answer', 'truncated-json', 'unexpected-answer'],
    ['a branch without a name', { type: 'body', body: '{"id":7}' }, 'unexpected-answer'],
    ['nothing but null', { type: 'body', body: 'null' }, 'unexpected-answer'],
    [
      'half a character',
      { type: 'body', body: '{"id":"refs/heads/a\\ud800"}' },
      'unexpected-answer',
    ],
    [
      'an escape sequence',
      { type: 'body', body: '{"id":"refs/heads/\\u001b[2J"}' },
      'unexpected-answer',
    ],
    ['a failing server', { type: 'status', status: 503 }, 'server-error'],
  ])('is unknown after %s', async (_, effect, reason) => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ effect });
    const answer = await ask(client => client.getDefaultBranch(API));
    expect(answer).toEqual(unknown(reason));
  });
});

describe('getFileChanges', () => {
  it('returns the changes from the older commit to the newer, with one request', async () => {
    const { bitbucket, ask, asked } = connect();
    const { fromHash } = bitbucket.writeFile('PAY', 'api', 'new/ü.yaml', 'n');
    bitbucket.writeFile('PAY', 'api', 'a.yaml', 'changed');
    const { toHash } = bitbucket.renameFile('PAY', 'api', 'b.yaml', 'c.yaml');
    const changes = await ask(client => client.getFileChanges(API, { fromHash, toHash }));
    expect([...(changes ?? [])].sort((a, b) => a.path.localeCompare(b.path))).toEqual([
      { kind: 'modified', path: 'a.yaml' },
      { kind: 'moved', path: 'c.yaml', formerPath: 'b.yaml' },
      { kind: 'added', path: 'new/ü.yaml' },
    ]);
    expect(asked()).toHaveLength(1);
    expect(asked()[0]).toContain(`from=${toHash}`);
    expect(asked()[0]).toContain(`to=${fromHash}`);
  });

  it('returns a deleted file', async () => {
    const { bitbucket, ask } = connect();
    const { fromHash, toHash } = bitbucket.removeFile('PAY', 'api', 'a.yaml');
    const changes = await ask(client => client.getFileChanges(API, { fromHash, toHash }));
    expect(changes).toEqual([{ kind: 'deleted', path: 'a.yaml' }]);
  });

  it('returns no changes where nothing differs', async () => {
    const { bitbucket, ask } = connect();
    const { toHash } = bitbucket.writeFile('PAY', 'api', 'a.yaml', 'changed');
    const commits = { fromHash: toHash, toHash };
    expect(await ask(client => client.getFileChanges(API, commits))).toEqual([]);
  });

  it('returns undefined rather than a part of the changes', async () => {
    const { bitbucket, ask, asked } = connect({ changes: 2 });
    const { fromHash } = bitbucket.writeFile('PAY', 'api', '1', 'x');
    bitbucket.writeFile('PAY', 'api', '2', 'x');
    const { toHash } = bitbucket.writeFile('PAY', 'api', '3', 'x');
    const commits = { fromHash, toHash };
    expect(await ask(client => client.getFileChanges(API, commits))).toBeUndefined();
    expect(asked()).toHaveLength(1);
  });

  it.each<[string, FaultOptions['effect']]>([
    ['a refusal', { type: 'status', status: 401 }],
    ['a missing commit', { type: 'status', status: 404 }],
    ['a login page', 'login-page'],
    ['half an answer', 'truncated-json'],
    ['a change that cannot be read', 'bad-item'],
    [
      'a path with half a character',
      { type: 'bad-item', item: { type: 'ADD', path: { toString: 'a\ud800' } } },
    ],
    [
      'more changes than were asked for',
      {
        type: 'body',
        body: JSON.stringify({
          isLastPage: true,
          values: Array(2_001).fill({ type: 'ADD', path: { toString: 'a' } }),
        }),
      },
    ],
    ['a failing server', { type: 'status', status: 503 }],
  ])('returns undefined after %s', async (_, effect) => {
    const { bitbucket, ask } = connect();
    const { fromHash, toHash } = bitbucket.writeFile('PAY', 'api', 'a.yaml', 'changed');
    bitbucket.faults.add({ effect });
    const commits = { fromHash, toHash };
    expect(await ask(client => client.getFileChanges(API, commits))).toBeUndefined();
  });
});
