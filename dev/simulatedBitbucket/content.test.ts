/** Files, branches and changes, as a client sees them. */
import { NO_COMMIT, type SimulatedBitbucket, createSimulatedBitbucket } from './index';
import type { AddRepositoryOptions } from './modelTypes';
import { ask } from './testSupport';

const REPOSITORY = '/projects/PAY/repos/api';
const FILES = {
  'catalog-info.yaml': 'kind: Component\n',
  'docs/guide/über uns.md': 'eins\nzwei\ndrei\n',
  '.backstage/catalog-info.yaml': 'kind: API\n',
};

function withRepository(
  repository: Partial<AddRepositoryOptions> = {},
  options = {},
): SimulatedBitbucket {
  const users = [{ name: 'bot', token: 'secret' }];
  const simulated = createSimulatedBitbucket({ users, ...options });
  simulated.addRepository({
    projectKey: 'PAY',
    slug: 'api',
    files: FILES,
    ...repository,
  });
  return simulated;
}

function exception(name: string, status = 404) {
  return {
    status,
    json: {
      errors: [
        expect.objectContaining({ exceptionName: `com.atlassian.bitbucket.${name}` }),
      ],
    },
  };
}

describe('browse', () => {
  it.each([
    ['catalog-info.yaml?type=true', { type: 'FILE' }],
    ['docs?type=true', { type: 'DIRECTORY' }],
    ['docs/guide/%C3%BCber%20uns.md?type=true', { type: 'FILE' }],
    ['catalog-info.yaml?size=true', { size: 16 }],
    ['catalog-info.yaml?size=true&type=true', { size: 16 }],
    ['catalog-info.yaml?type=true&at=', { type: 'FILE' }],
    ['catalog-info.yaml?type=true&at=main', { type: 'FILE' }],
    ['catalog-info.yaml?type=true&at=refs%2Fheads%2Fmain', { type: 'FILE' }],
  ])('returns the type or size for %s', async (path, json) => {
    const answer = await ask(withRepository(), `${REPOSITORY}/browse/${path}`);
    expect(answer).toMatchObject({ status: 200, json });
  });

  it('returns the content where type is not "true"', async () => {
    const { json } = await ask(
      withRepository(),
      `${REPOSITORY}/browse/catalog-info.yaml?type=1`,
    );
    expect(json).toEqual({
      lines: [{ text: 'kind: Component' }],
      start: 0,
      size: 1,
      limit: 500,
      isLastPage: true,
    });
  });

  it('pages lines', async () => {
    const path = `${REPOSITORY}/browse/docs/guide/über uns.md?limit=2`;
    const { json } = await ask(withRepository(), path);
    expect(json).toMatchObject({
      lines: [{ text: 'eins' }, { text: 'zwei' }],
      isLastPage: false,
      nextPageStart: 2,
    });
  });

  it('lists a directory', async () => {
    const { json } = await ask(withRepository(), `${REPOSITORY}/browse`);
    expect(json).toMatchObject({
      path: { components: [], toString: '' },
      children: {
        size: 3,
        isLastPage: true,
        values: [
          { path: { name: '.backstage' }, type: 'DIRECTORY' },
          {
            path: { name: 'catalog-info.yaml', extension: 'yaml' },
            type: 'FILE',
            size: 16,
          },
          { path: { name: 'docs' }, type: 'DIRECTORY' },
        ],
      },
    });
  });

  it('names the path that does not exist', async () => {
    const { status, json } = await ask(
      withRepository(),
      `${REPOSITORY}/browse/x?type=true`,
    );
    expect(status).toBe(404);
    expect(json).toEqual({
      errors: [
        {
          context: null,
          message: 'The path "x" does not exist at revision "refs/heads/main"',
          exceptionName: 'com.atlassian.bitbucket.content.NoSuchPathException',
        },
      ],
    });
  });
});

describe('an unresolvable name', () => {
  const check = `${REPOSITORY}/browse/catalog-info.yaml?type=true`;

  it.each([
    ['a project', '/projects/NO/repos/api', 'project.NoSuchProjectException'],
    ['a repository', '/projects/PAY/repos/no', 'repository.NoSuchRepositoryException'],
    ['a ref', `${check}&at=refs/heads/no`, 'NoSuchObjectException'],
    ['a commit', `${check}&at=${'a'.repeat(40)}`, 'commit.NoSuchCommitException'],
    ['a commit of its own', `${REPOSITORY}/commits/no`, 'commit.NoSuchCommitException'],
  ])('is answered with its exception for %s', async (_, path, name) => {
    expect(await ask(withRepository(), path)).toMatchObject(exception(name));
  });

  it('is answered with an exception for the default branch of an empty repository', async () => {
    const simulated = withRepository({ empty: true });
    const empty = exception('repository.EmptyRepositoryException');
    expect(await ask(simulated, check)).toMatchObject(empty);
    expect(await ask(simulated, `${REPOSITORY}/files`)).toMatchObject(empty);
    simulated.settings.emptyRepositories = 'NoDefaultBranchException';
    expect(await ask(simulated, check)).toMatchObject(
      exception('repository.NoDefaultBranchException'),
    );
  });

  it('is answered with an exception for a default branch that does not exist', async () => {
    const simulated = withRepository({ defaultBranch: 'missing' });
    const answer = await ask(simulated, check);
    expect(answer).toMatchObject(exception('repository.NoDefaultBranchException'));
    expect(answer.text).toContain('refs/heads/missing is set as the default branch');
    expect((await ask(simulated, `${check}&at=main`)).status).toBe(200);
  });
});

describe('files', () => {
  it('lists the paths of the whole tree in pages', async () => {
    const { json } = await ask(withRepository(), `${REPOSITORY}/files?limit=2`);
    expect(json).toMatchObject({
      values: ['.backstage/catalog-info.yaml', 'catalog-info.yaml'],
      isLastPage: false,
      nextPageStart: 2,
    });
  });

  it('lists the paths below a directory relative to it', async () => {
    const { json } = await ask(withRepository(), `${REPOSITORY}/files/docs`);
    expect(json).toMatchObject({ values: ['guide/über uns.md'], isLastPage: true });
  });

  it('refuses a file, and answers 404 for a missing path', async () => {
    const simulated = withRepository();
    expect(await ask(simulated, `${REPOSITORY}/files/catalog-info.yaml`)).toMatchObject(
      exception('validation.ArgumentValidationException', 400),
    );
    expect(await ask(simulated, `${REPOSITORY}/files/no`)).toMatchObject(
      exception('content.NoSuchPathException'),
    );
  });

  it('caps a page at 100000 unless configured', async () => {
    const { json } = await ask(withRepository(), `${REPOSITORY}/files?limit=9999999`);
    expect(json).toMatchObject({ limit: 100_000 });
    const small = withRepository({}, { pageCaps: { files: 2 } });
    expect((await ask(small, `${REPOSITORY}/files?limit=9`)).json).toMatchObject({
      limit: 2,
    });
  });
});

describe('raw', () => {
  it.each(['', '?at=', '?at=main'])('streams a file with "%s"', async query => {
    const answer = await ask(
      withRepository(),
      `${REPOSITORY}/raw/catalog-info.yaml${query}`,
    );
    expect(answer).toMatchObject({ status: 200, text: 'kind: Component\n' });
    expect(answer.headers.get('content-type')).toBe('text/plain;charset=UTF-8');
  });
});

describe('branches', () => {
  it('shows the configured default branch of a healthy repository', async () => {
    const simulated = withRepository({ defaultBranch: 'develop' });
    const branch = { id: 'refs/heads/develop', displayId: 'develop', type: 'BRANCH' };
    expect((await ask(simulated, `${REPOSITORY}/default-branch`)).json).toEqual(branch);
    expect((await ask(simulated, `${REPOSITORY}/branches/default`)).json).toMatchObject({
      ...branch,
      latestCommit: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });

  it('distinguishes an empty repository from one whose default branch does not exist', async () => {
    const empty = withRepository({ empty: true });
    expect(await ask(empty, `${REPOSITORY}/default-branch`)).toMatchObject({
      status: 200,
    });
    expect(await ask(empty, `${REPOSITORY}/branches/default`)).toMatchObject({
      status: 204,
      text: '',
    });
    expect((await ask(empty, `${REPOSITORY}/branches?details=true`)).json).toEqual({
      size: 0,
      limit: 25,
      isLastPage: true,
      values: [],
      start: 0,
    });
    const missing = withRepository({ defaultBranch: 'missing' });
    expect(await ask(missing, `${REPOSITORY}/default-branch`)).toMatchObject({
      status: 200,
    });
    for (const path of ['branches/default', 'branches?details=true']) {
      expect(await ask(missing, `${REPOSITORY}/${path}`)).toMatchObject(
        exception('repository.NoDefaultBranchException'),
      );
    }
  });

  it('filters branches by text, with the names and commits a URL reader needs', async () => {
    const simulated = withRepository({ branches: { 'feature/x': {}, release: {} } });
    const { json } = await ask(simulated, `${REPOSITORY}/branches?filterText=FEATURE`);
    expect(json).toMatchObject({
      size: 1,
      values: [
        { displayId: 'feature/x', latestCommit: expect.any(String), isDefault: false },
      ],
    });
  });

  it('reads a file on another branch only', async () => {
    const simulated = withRepository({ branches: { next: { 'new.yaml': 'x' } } });
    const path = `${REPOSITORY}/browse/new.yaml?type=true`;
    expect((await ask(simulated, path)).status).toBe(404);
    expect((await ask(simulated, `${path}&at=next`)).status).toBe(200);
  });
});

describe('pushes', () => {
  it('move the branch to a new commit and keep the old one readable', async () => {
    const simulated = withRepository();
    const push = simulated.writeFile('PAY', 'api', 'catalog-info.yaml', 'changed');
    expect(push).toMatchObject({ branch: 'main' });
    expect(push.fromHash).not.toBe(push.toHash);
    const raw = `${REPOSITORY}/raw/catalog-info.yaml?at=`;
    expect((await ask(simulated, raw)).text).toBe('changed');
    expect((await ask(simulated, raw + push.fromHash)).text).toBe('kind: Component\n');
    expect(
      (await ask(simulated, `${REPOSITORY}/commits/${push.toHash}`)).json,
    ).toMatchObject({
      id: push.toHash,
      parents: [{ id: push.fromHash }],
    });
  });

  it('fill an empty repository, create branches and delete them', async () => {
    const simulated = withRepository({ empty: true });
    expect(simulated.writeFile('PAY', 'api', 'a', 'x').fromHash).toBe(NO_COMMIT);
    expect(simulated.createBranch('PAY', 'api', 'next').fromHash).toBe(NO_COMMIT);
    expect(simulated.deleteBranch('PAY', 'api', 'next').toHash).toBe(NO_COMMIT);
    expect((await ask(simulated, `${REPOSITORY}/files`)).json).toMatchObject({
      values: ['a'],
    });
  });

  it('are compared from the new commit to the old one', async () => {
    const simulated = withRepository();
    const { fromHash } = simulated.writeFile('PAY', 'api', 'added/x.yaml', 'x');
    simulated.writeFile('PAY', 'api', 'catalog-info.yaml', 'changed');
    simulated.removeFile('PAY', 'api', '.backstage/catalog-info.yaml');
    const { toHash } = simulated.renameFile(
      'PAY',
      'api',
      'docs/guide/über uns.md',
      'about.md',
    );
    const compare = `${REPOSITORY}/compare/changes`;
    const { json } = await ask(simulated, `${compare}?from=${toHash}&to=${fromHash}`);
    expect(json).toMatchObject({
      isLastPage: true,
      values: [
        { type: 'DELETE', path: { toString: '.backstage/catalog-info.yaml' } },
        {
          type: 'MOVE',
          path: { toString: 'about.md' },
          srcPath: { components: ['docs', 'guide', 'über uns.md'] },
        },
        { type: 'ADD', path: { toString: 'added/x.yaml' } },
        { type: 'MODIFY', path: { toString: 'catalog-info.yaml' } },
      ],
    });
    const unknown = `${compare}?from=${'b'.repeat(40)}&to=${fromHash}`;
    expect(await ask(simulated, unknown)).toMatchObject(
      exception('commit.NoSuchCommitException'),
    );
  });
});
