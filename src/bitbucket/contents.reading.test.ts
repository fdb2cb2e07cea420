/** Content, sizes, commits and archives: found, proven absent, or unknown. */

import { createSimulatedBitbucket, FaultOptions } from '../../dev/simulatedBitbucket';
import { createSimulatedClient } from '../__testUtils__/simulatedClient';
import { Lookup } from '../model';
import { OpenContent } from './contents';

const API = { projectKey: 'PAY', slug: 'api' };
const absent = (reason: string) => ({ kind: 'absent', reason });
const unknown = (reason: string) => ({
  kind: 'unknown',
  problem: { reason, detail: expect.any(String) },
});

function connect() {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', token: 'BBDC-s3cret' }],
  });
  const files = { 'a.yaml': 'kind: API', 'empty.yaml': '', 'a b/ü#?%.yaml': 'ü' };
  const { git } = bitbucket.addRepository({
    ...API,
    files,
    branches: { 'feature/x': { 'b.yaml': 'kind: B' } },
  });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'empty', empty: true });
  const signIn = { token: 'BBDC-s3cret' };
  return { bitbucket, git, ...createSimulatedClient({ bitbucket, signIn }) };
}

async function getText(lookup: Lookup<OpenContent>): Promise<string | object> {
  return lookup.kind === 'found' ? new Response(lookup.value.stream).text() : lookup;
}

describe('openFile', () => {
  it.each<[string, string, string | undefined, string | object]>([
    ['a file', 'a.yaml', undefined, 'kind: API'],
    ['an empty file', 'empty.yaml', undefined, ''],
    ['a name that needs encoding', 'a b/ü#?%.yaml', undefined, 'ü'],
    ['a short branch name', 'b.yaml', 'feature/x', 'kind: B'],
    ['a full ref', 'b.yaml', 'refs/heads/feature/x', 'kind: B'],
    ['a missing file', 'b.yaml', undefined, absent('no-catalog-file')],
    ['a missing branch', 'a.yaml', 'nope', absent('branch-not-found')],
  ])('returns %s', async (_, path, at, expected) => {
    const { ask } = connect();
    expect(
      await getText(await ask(client => client.openFile(API, path, { at }))),
    ).toEqual(expected);
  });

  it.each<[string, FaultOptions['effect'], string]>([
    ['a 404 of a proxy', { type: 'html', status: 404 }, 'unexpected-answer'],
    [
      'a redirect',
      { type: 'redirect', to: 'https://sso.example.com/' },
      'unexpected-answer',
    ],
    ['a lost permission', 'lost-permission', 'not-permitted'],
    ['an error', { type: 'status', status: 500 }, 'server-error'],
    ['a rate limit', { type: 'status', status: 429 }, 'rate-limited'],
    ['a hang', 'hang', 'timeout'],
  ])('is unknown after %s', async (_, effect, reason) => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ match: { kind: 'raw' }, effect });
    expect(await ask(client => client.openFile(API, 'a.yaml'))).toMatchObject(
      unknown(reason),
    );
  });

  it('is unknown for a file of a repository that is gone', async () => {
    const { ask } = connect();
    const gone = { projectKey: 'PAY', slug: 'gone' };
    expect((await ask(client => client.openFile(gone, 'a.yaml'))).kind).toBe('unknown');
  });
});

describe('getFileSize', () => {
  it.each<[string, object]>([
    ['a.yaml', { kind: 'found', value: 9 }],
    ['empty.yaml', { kind: 'found', value: 0 }],
    ['nope.yaml', absent('no-catalog-file')],
  ])('returns the result for %s', async (path, expected) => {
    const { ask } = connect();
    expect(await ask(client => client.getFileSize(API, path))).toEqual(expected);
  });

  it('is unknown where a login page answers', async () => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ effect: 'login-page' });
    const lookup = await ask(client => client.getFileSize(API, 'empty.yaml'));
    expect(lookup).toMatchObject(unknown('unexpected-answer'));
  });
});

describe('getHeadCommit', () => {
  it.each([
    ['the default branch', undefined, 'main'],
    ['a branch', 'feature/x', 'feature/x'],
    ['a full ref', 'refs/heads/feature/x', 'feature/x'],
  ])('returns the commit of %s with one request', async (_, at, branch) => {
    const { ask, git, attempts } = connect();
    const id = git.tip(branch)?.id;
    expect(await ask(client => client.getHeadCommit(API, { at }))).toEqual({
      kind: 'found',
      value: id,
    });
    expect(attempts).toHaveLength(1);
  });

  it('is absent where Bitbucket proves it, and unknown otherwise', async () => {
    const { bitbucket, ask } = connect();
    const empty = { projectKey: 'PAY', slug: 'empty' };
    expect(await ask(client => client.getHeadCommit(empty))).toEqual(
      absent('empty-repository'),
    );
    expect(await ask(client => client.getHeadCommit(API, { at: 'nope' }))).toEqual(
      absent('branch-not-found'),
    );
    bitbucket.faults.add({ effect: 'empty-page' });
    expect(await ask(client => client.getHeadCommit(API))).toMatchObject(
      unknown('unexpected-answer'),
    );
  });
});
