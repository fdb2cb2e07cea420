/** Listings and paging, as a client sees them. */
import { type SimulatedBitbucket, createSimulatedBitbucket } from './index';
import { ask } from './testSupport';

const BOT = { name: 'bot', token: 'secret' };

function withRepositories(count: number, options = {}): SimulatedBitbucket {
  const simulated = createSimulatedBitbucket({ users: [BOT], ...options });
  for (let index = 0; index < count; index += 1) {
    simulated.addRepository({
      projectKey: 'PAY',
      slug: `r${String(index).padStart(4, '0')}`,
    });
  }
  return simulated;
}

async function getSlugs(simulated: SimulatedBitbucket, path: string) {
  const { json } = await ask(simulated, path);
  const { values } = json as { values: { slug: string }[] };
  return values.map(({ slug }) => slug);
}

describe('paging', () => {
  it('returns 25 rows by default and the start of the next page', async () => {
    const { json } = await ask(withRepositories(30), '/repos');
    expect(json).toMatchObject({
      size: 25,
      limit: 25,
      isLastPage: false,
      start: 0,
      nextPageStart: 25,
    });
  });

  it('omits nextPageStart on the last page', async () => {
    const { json } = await ask(withRepositories(30), '/repos?start=25');
    expect(json).toMatchObject({ size: 5, isLastPage: true, start: 25 });
    expect(json).not.toHaveProperty('nextPageStart');
  });

  it('marks a full page as the last one when nothing follows', async () => {
    const { json } = await ask(withRepositories(25), '/repos');
    expect(json).toMatchObject({ size: 25, isLastPage: true });
  });

  it('returns an empty last page for a start beyond the end', async () => {
    const { json } = await ask(withRepositories(3), '/repos?start=99');
    expect(json).toMatchObject({ size: 0, isLastPage: true, values: [], start: 99 });
  });

  it('silently clamps the limit to its own maximum and returns that', async () => {
    const simulated = withRepositories(7, { pageCaps: { repositories: 5 } });
    for (const path of ['/repos?limit=1000', '/projects/PAY/repos?limit=1000']) {
      const { json } = await ask(simulated, path);
      expect(json).toMatchObject({ size: 5, limit: 5, isLastPage: false });
    }
  });

  it('caps repositories at 1000 unless configured', async () => {
    const { json } = await ask(withRepositories(1001), '/repos?limit=5000');
    expect(json).toMatchObject({ size: 1000, limit: 1000, nextPageStart: 1000 });
  });

  it.each(['start=-1', 'start=x', 'limit=0', 'limit=many'])('refuses %s', async query => {
    const { status, text } = await ask(withRepositories(1), `/repos?${query}`);
    expect(status).toBe(400);
    expect(text).toContain('ArgumentValidationException');
  });

  it('skips rows that the user may not see, although starts count them', async () => {
    const simulated = withRepositories(6);
    simulated.hide('bot', 'PAY/r0001');
    simulated.hide('bot', 'PAY/r0002');
    const { json } = await ask(simulated, '/repos?limit=1');
    expect(json).toMatchObject({
      size: 1,
      start: 0,
      nextPageStart: 3,
      isLastPage: false,
    });
    expect(await getSlugs(simulated, '/repos?limit=1&start=3')).toEqual(['r0003']);
  });

  it('returns shorter pages instead where configured, even empty ones that are not the last', async () => {
    const simulated = withRepositories(6, { hiddenRows: 'short-page' });
    simulated.hide('bot', 'PAY/r0000');
    simulated.hide('bot', 'PAY/r0001');
    const { json } = await ask(simulated, '/repos?limit=2');
    expect(json).toMatchObject({
      size: 0,
      limit: 2,
      nextPageStart: 2,
      isLastPage: false,
    });
  });

  it.each(['skipped', 'short-page'] as const)(
    'shows each visible row once when nextPageStart is followed (%s)',
    async hiddenRows => {
      const simulated = withRepositories(40, { hiddenRows });
      for (const index of ['0000', '0013', '0014', '0039']) {
        simulated.hide('bot', `PAY/r${index}`);
      }
      const seen: string[] = [];
      let start: number | undefined = 0;
      while (start !== undefined) {
        const { json } = await ask(simulated, `/repos?limit=7&start=${start}`);
        const page = json as { values: { slug: string }[]; nextPageStart?: number };
        seen.push(...page.values.map(({ slug }) => slug));
        start = page.nextPageStart;
      }
      expect(seen).toHaveLength(36);
      expect(new Set(seen).size).toBe(36);
    },
  );
});

describe('GET /repos', () => {
  function mixed(): SimulatedBitbucket {
    const simulated = createSimulatedBitbucket({ users: [BOT], anonymousAccess: true });
    simulated.addProject({ key: 'OPEN', name: 'Open things', public: true });
    simulated.addProject({ key: 'SHUT', name: 'Closed things' });
    simulated.addRepository({ projectKey: 'OPEN', slug: 'a' });
    simulated.addRepository({ projectKey: 'SHUT', slug: 'b', public: true });
    simulated.addRepository({ projectKey: 'SHUT', slug: 'c', name: 'The C' });
    simulated.addRepository({ projectKey: 'SHUT', slug: 'old', archived: true });
    simulated.addRepository({ projectKey: 'SHUT', slug: 'new', state: 'INITIALISING' });
    return simulated;
  }

  it.each([
    ['', ['b', 'new', 'c', 'a']],
    ['archived=ACTIVE', ['b', 'new', 'c', 'a']],
    ['archived=archived', ['old']],
    ['archived=ALL', ['b', 'new', 'old', 'c', 'a']],
    ['visibility=public', ['b', 'a']],
    ['visibility=private', ['new', 'c']],
    ['state=INITIALISING', ['new']],
    ['projectkey=%20open%20', ['a']],
    ['projectname=closed', ['b', 'new', 'c']],
    ['name=THE', ['c']],
    ['permission=REPO_READ', ['b', 'new', 'c', 'a']],
    ['permission=REPO_ADMIN', []],
  ])('filters by "%s"', async (query, slugs) => {
    expect(await getSlugs(mixed(), `/repos?${query}`)).toEqual(slugs);
  });

  it.each(['archived=SOME', 'state=OFFLINE', 'permission=ALL', 'visibility=half'])(
    'refuses %s',
    async query => {
      expect((await ask(mixed(), `/repos?${query}`)).status).toBe(400);
    },
  );

  it('shows public repositories to anonymous callers, and none with permission=REPO_READ', async () => {
    const { json } = await ask(mixed(), '/repos', 'anonymous');
    expect(json).toMatchObject({ values: [{ slug: 'b' }, { slug: 'a' }] });
    const read = await ask(mixed(), '/repos?permission=REPO_READ', 'anonymous');
    expect(read).toMatchObject({ status: 200, json: { size: 0, isLastPage: true } });
  });

  it('follows changes made between two requests', async () => {
    const simulated = mixed();
    await getSlugs(simulated, '/repos');
    simulated.archiveRepository('SHUT', 'c');
    simulated.deleteRepository('SHUT', 'b');
    simulated.renameRepository('OPEN', 'a', 'z');
    expect(await getSlugs(simulated, '/repos')).toEqual(['new', 'z']);
  });
});

describe('projects and their repositories', () => {
  it('lists archived repositories of a project, unlike /repos', async () => {
    const simulated = withRepositories(2);
    simulated.archiveRepository('PAY', 'r0000');
    expect(await getSlugs(simulated, '/projects/PAY/repos')).toEqual(['r0000', 'r0001']);
    expect(await getSlugs(simulated, '/repos')).toEqual(['r0001']);
  });

  it('lists only projects the user may see', async () => {
    const simulated = withRepositories(1);
    simulated.addProject({ key: 'TOP', name: 'A secret' });
    simulated.hide('bot', 'TOP');
    const { json } = await ask(simulated, '/projects?limit=1');
    expect(json).toMatchObject({ size: 1, isLastPage: true, values: [{ key: 'PAY' }] });
  });

  it('finds key and slug case-insensitively', async () => {
    const { json } = await ask(withRepositories(1), '/projects/pay/repos/R0000');
    expect(json).toMatchObject({ slug: 'r0000', project: { key: 'PAY' } });
  });

  it('keeps the id of a repository that is renamed and moved', async () => {
    const simulated = withRepositories(2);
    const { id } = simulated.getRepository('PAY', 'r0001');
    simulated.renameRepository('PAY', 'r0001', 'better');
    simulated.moveRepository('PAY', 'better', 'NEW');
    const { json } = await ask(simulated, '/projects/NEW/repos/better');
    expect(json).toMatchObject({ id, slug: 'better', project: { key: 'NEW' } });
    expect((await ask(simulated, '/projects/PAY/repos/r0001')).text).toContain(
      'NoSuchRepositoryException',
    );
  });

  it('returns the new address at the former one where configured', async () => {
    const simulated = withRepositories(1, { followsMoves: true });
    simulated.moveRepository('PAY', 'r0000', 'NEW');
    const { json } = await ask(simulated, '/projects/PAY/repos/r0000');
    expect(json).toMatchObject({ id: 1, slug: 'r0000', project: { key: 'NEW' } });
    simulated.addRepository({ projectKey: 'PAY', slug: 'r0000' });
    expect((await ask(simulated, '/projects/PAY/repos/r0000')).json).toMatchObject({
      id: 2,
    });
  });

  it('keeps repositories and ids when a project gets another key', async () => {
    const simulated = withRepositories(1);
    const { id } = simulated.getRepository('PAY', 'r0000');
    simulated.renameProject('PAY', 'MONEY');
    expect((await ask(simulated, '/projects/MONEY/repos/r0000')).json).toMatchObject({
      id,
    });
    expect((await ask(simulated, '/projects/PAY')).text).toContain(
      'NoSuchProjectException',
    );
  });
});

describe('the JSON of a repository', () => {
  it('has the recorded members and no defaultBranch', async () => {
    const simulated = withRepositories(1, { baseUrl: 'https://bitbucket.test/ctx' });
    const { json } = await ask(simulated, '/projects/PAY/repos/r0000');
    expect(json).toEqual({
      slug: 'r0000',
      id: 1,
      name: 'r0000',
      hierarchyId: expect.stringMatching(/^[0-9a-f]{20}$/),
      scmId: 'git',
      state: 'AVAILABLE',
      statusMessage: 'Available',
      forkable: true,
      project: {
        key: 'PAY',
        id: 1,
        name: 'PAY',
        public: false,
        type: 'NORMAL',
        links: { self: [{ href: 'https://bitbucket.test/ctx/projects/PAY' }] },
      },
      public: false,
      archived: false,
      links: {
        clone: [
          { href: 'ssh://git@bitbucket.test:7999/pay/r0000.git', name: 'ssh' },
          { href: 'https://bitbucket.test/ctx/scm/pay/r0000.git', name: 'http' },
        ],
        self: [{ href: 'https://bitbucket.test/ctx/projects/PAY/repos/r0000/browse' }],
      },
    });
  });

  it('varies the order of clone links, and some have http only', async () => {
    const { json } = await ask(withRepositories(5), '/repos');
    const { values } = json as { values: { links: { clone: { name: string }[] } }[] };
    const orders = values.map(({ links }) => links.clone.map(({ name }) => name).join());
    expect(new Set(orders)).toEqual(new Set(['http', 'http,ssh', 'ssh,http']));
  });

  it('shows a personal project with owner, /users links and without public', async () => {
    const simulated = createSimulatedBitbucket({
      users: [BOT, { name: 'jdoe', displayName: 'J Doe' }],
    });
    simulated.addPersonalProject('jdoe');
    simulated.addRepository({ projectKey: '~jdoe', slug: 'mine' });
    const { json } = await ask(simulated, '/projects/~jdoe/repos/mine');
    expect(json).toMatchObject({
      project: {
        key: '~JDOE',
        name: 'J Doe',
        type: 'PERSONAL',
        owner: { name: 'jdoe', slug: 'jdoe' },
        links: { self: [{ href: 'http://bitbucket.test/users/jdoe' }] },
      },
      links: { self: [{ href: 'http://bitbucket.test/users/jdoe/repos/mine/browse' }] },
    });
    expect(json).not.toHaveProperty('project.public');
  });

  it('shows the origin of a fork with its current name', async () => {
    const simulated = withRepositories(1);
    const origin = { projectKey: 'PAY', slug: 'r0000' };
    simulated.addRepository({ projectKey: '~jdoe', slug: 'fork', origin });
    await ask(simulated, '/projects/~jdoe/repos/fork');
    simulated.renameRepository('PAY', 'r0000', 'renamed');
    const { json } = await ask(simulated, '/projects/~jdoe/repos/fork');
    expect(json).toMatchObject({ slug: 'fork', origin: { slug: 'renamed', id: 1 } });
  });

  it('uses the own base URL of the server in links where that differs', async () => {
    const simulated = withRepositories(1, { linkBaseUrl: 'https://other.test/bb/' });
    const { text } = await ask(simulated, '/projects/PAY/repos/r0000');
    expect(text).toContain('https://other.test/bb/projects/PAY/repos/r0000/browse');
    expect(text).not.toContain('bitbucket.test');
  });
});

describe('labels', () => {
  it('lists the repositories of a label that the user may see', async () => {
    const simulated = withRepositories(3);
    simulated.setLabels('PAY', 'r0001', ['service']);
    simulated.setLabels('PAY', 'r0002', ['service']);
    simulated.hide('bot', 'PAY/r0002');
    const { json } = await ask(simulated, '/labels/service/labeled?type=REPOSITORY');
    expect(json).toMatchObject({
      size: 1,
      values: [{ slug: 'r0001', labelableType: 'REPOSITORY' }],
    });
  });

  it('answers NoSuchLabelException for an unused label', async () => {
    const { status, text } = await ask(withRepositories(1), '/labels/none/labeled');
    expect(status).toBe(404);
    expect(text).toContain('com.atlassian.bitbucket.label.NoSuchLabelException');
  });
});

it('a listing pages through thousands of repositories', async () => {
  const { json } = await ask(withRepositories(10_000), '/repos?limit=10&start=9000');
  expect(json).toMatchObject({ size: 10, start: 9_000, isLastPage: false });
});
