import { randomUUID } from 'node:crypto';
import { mockCredentials } from '@backstage/backend-test-utils';
import { z } from 'zod';
import { HOUR, NOW, target } from '../__testUtils__/discoveryData';
import { Exchange, OpenApiContract } from '../__testUtils__/openApiContract';
import { ReportBackend, startReportBackend } from '../__testUtils__/reportBackend';
import {
  finishedRun,
  repositoryReport as report,
  runSummary,
  storeEvaluation,
  storeRun,
} from '../__testUtils__/reportData';
import { CONFLICT_KINDS, CONFLICT_ROLES } from '../conflicts/describeConflicts';
import { RepositoryReport } from '../discovery/report';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  OUTCOME_KINDS,
  UNKNOWN_REASONS,
} from '../model';
import { plainLocationRef } from '../provider/locationEntities';

const Page = z.object({ items: z.array(z.object({ repositorySlug: z.string() })) });

const Discoveries = z.object({ items: z.array(z.looseObject({})) });

const Disputed = z.object({
  items: z.array(
    z.object({
      projectKey: z.string(),
      repositorySlug: z.string(),
      conflicts: z.array(z.unknown()),
    }),
  ),
});

const FILE = { path: 'catalog-info.yaml', targetUrl: target('PAY/api') };

const READ = '/discoveries/default';

const contract = new OpenApiContract('docs/report.openapi.yaml');

let backend: ReportBackend;

beforeAll(async () => {
  backend = await startReportBackend();
});
afterAll(() => backend.stop());
beforeEach(() => backend.reset());

/** Asks, and holds the answer to the document. */
async function ask(...request: Parameters<ReportBackend['ask']>): Promise<Exchange> {
  const exchange = await backend.ask(...request);
  contract.check(exchange);
  return exchange;
}

const get = (path: string) => ask('GET', path);

/** As after a run that held these back: the catalog has their files. */
async function holdBack(...slugs: readonly string[]): Promise<void> {
  await getHoldBack(slugs, {});
}

/** The same of repositories that have ended otherwise. */
async function getHoldBack(
  slugs: readonly string[],
  ended: Partial<RepositoryReport>,
): Promise<void> {
  const held = slugs.map((slug, index) => ({
    repositoryId: index,
    entryKey: target(`PAY/${slug}`),
    sinceMs: NOW + index,
    confirmedForMs: 0,
    approved: false,
  }));
  const summary = runSummary({ heldBack: slugs.length, locations: slugs.length });
  await storeRun(
    backend.store,
    'default',
    finishedRun({ summary }),
    slugs.map((slug, index) => report(index, `PAY/${slug}`, ended)),
    held,
  );
}

describe('the discoveries', () => {
  it('are listed as configured, whether they have run or not', async () => {
    await storeRun(backend.store, 'other', finishedRun({ host: 'git.test:8443' }), []);
    await storeRun(backend.store, 'removed-from-the-configuration', finishedRun(), []);

    expect(await get('/discoveries')).toMatchObject({
      status: 200,
      body: {
        items: [
          { providerId: 'default', host: 'bitbucket.test', status: 'never-run' },
          { providerId: 'other', host: 'git.test:8443', status: 'succeeded' },
        ],
      },
    });
  });

  it('show the counts of the last run, also by reason', async () => {
    const summary = runSummary({
      repositories: 12,
      registered: 5,
      excluded: 1,
      absent: 4,
      unknown: 2,
      locations: 7,
      removed: 1,
      carriedForward: 2,
      heldBack: 3,
      reasons: {
        registered: {},
        excluded: { archived: 1 },
        absent: { 'no-catalog-file': 3, 'empty-repository': 1 },
        unknown: { timeout: 2 },
      },
    });
    const { registered: _none, ...reasons } = summary.reasons;
    const run = finishedRun({ summary, trigger: 'manual', requests: 17 });
    await storeRun(backend.store, 'default', run, []);

    expect(await get(READ)).toMatchObject({
      status: 200,
      body: {
        providerId: 'default',
        host: 'bitbucket.test',
        status: 'succeeded',
        startedAt: '2024-01-01T00:00:00.000Z',
        finishedAt: '2024-01-01T00:00:01.500Z',
        trigger: 'manual',
        summary: { ...summary, reasons },
        requests: 17,
        heldRemovals: [],
      },
    });
  });

  it('say why a run failed', async () => {
    const error = 'bitbucket.test: the password is wrong';
    await storeRun(
      backend.store,
      'default',
      finishedRun({ status: 'failed', error }),
      [],
    );

    expect(await get(READ)).toMatchObject({ body: { status: 'failed', error } });
  });

  it('show a run in progress, with the current counts of repositories', async () => {
    const summary = runSummary({ registered: 1, repositories: 1, locations: 1 });
    await storeRun(
      backend.store,
      'default',
      finishedRun({ status: 'failed', error: 'no', summary }),
      [],
    );
    await backend.store.recordStart('default', {
      host: 'bitbucket.test',
      startedAtMs: NOW + HOUR,
      trigger: 'manual',
    });

    const { body } = await get(READ);

    expect(body).toMatchObject({
      status: 'running',
      startedAt: '2024-01-01T01:00:00.000Z',
      trigger: 'manual',
      summary: { registered: 1 },
    });
    for (const name of ['finishedAt', 'requests', 'error']) {
      expect(body).not.toHaveProperty(name);
    }
  });

  it('show a first run in progress, which has no counts yet', async () => {
    await backend.store.recordStart('default', finishedRun());

    const { body } = await get(READ);

    expect(body).toMatchObject({ status: 'running', trigger: 'schedule' });
    expect(body).not.toHaveProperty('summary');
  });

  it('show a run that broke off, with the counts that still apply', async () => {
    const summary = runSummary({ registered: 1, repositories: 1, locations: 1 });
    await storeRun(backend.store, 'default', finishedRun({ summary }), []);
    await backend.store.recordStart('default', finishedRun({ startedAtMs: NOW + HOUR }));
    const error = 'the catalog is away';
    await backend.store.recordFailure('default', { finishedAtMs: NOW + 2 * HOUR, error });

    const { body } = await get(READ);

    expect(body).toMatchObject({
      status: 'failed',
      startedAt: '2024-01-01T01:00:00.000Z',
      finishedAt: '2024-01-01T02:00:00.000Z',
      summary: { registered: 1 },
      error,
    });
    expect(body).not.toHaveProperty('requests');
  });

  it('show that there was no run if one is only requested', async () => {
    await backend.store.requestManualRun('default');

    expect((await get(READ)).body).toEqual({
      providerId: 'default',
      host: 'bitbucket.test',
      status: 'never-run',
      heldRemovals: [],
      webhooks: {
        silentProjects: 0,
        unannouncedChanges: 0,
        totalProjects: 0,
        projects: [],
      },
      configuration: {},
    });
  });

  it('say for one provider whether webhooks arrive, project by project', async () => {
    const { webhooks } = backend;
    const run = { startedAtMs: NOW, finishedAtMs: NOW + HOUR };
    await webhooks.recordRun(
      'default',
      [
        { projectKey: 'PAY', registered: 2, unannounced: 3 },
        { projectKey: 'OPS', registered: 1, unannounced: 0 },
      ],
      run,
    );
    await webhooks.recordEvent('default', 'PAY', NOW);
    await webhooks.recordEvent('other', 'OPS', NOW + HOUR);

    expect((await get(READ)).body).toMatchObject({
      webhooks: {
        lastEventAt: '2024-01-01T00:00:00.000Z',
        silentProjects: 1,
        unannouncedChanges: 3,
        totalProjects: 2,
        projects: [
          { projectKey: 'OPS', registered: 1, unannouncedChanges: 0 },
          {
            projectKey: 'PAY',
            registered: 2,
            lastEventAt: '2024-01-01T00:00:00.000Z',
            unannouncedChanges: 3,
            lastUnannouncedAt: '2024-01-01T01:00:00.000Z',
          },
        ],
      },
    });
    const [listed] = Discoveries.parse((await get('/discoveries')).body).items;
    expect(listed).not.toHaveProperty('webhooks');
  });

  it('list held removals by repository, whenever they were first held', async () => {
    await holdBack('web', 'api', 'Billing');
    await backend.store.approve('default', [target('PAY/web')]);

    expect(await get(READ)).toMatchObject({
      body: {
        heldRemovals: [
          {
            projectKey: 'PAY',
            repositorySlug: 'api',
            targetUrl: target('PAY/api'),
            since: '2024-01-01T00:00:00.001Z',
            approved: false,
          },
          { projectKey: 'PAY', repositorySlug: 'Billing', approved: false },
          {
            projectKey: 'PAY',
            repositorySlug: 'web',
            since: '2024-01-01T00:00:00.000Z',
            approved: true,
          },
        ],
      },
    });
    expect(await get('/discoveries/other')).toMatchObject({ body: { heldRemovals: [] } });
  });

  it('name the repository of an entity from a location parser, too', async () => {
    const held = {
      repositoryId: 7,
      entryKey: 'component:default/api',
      sinceMs: NOW,
      confirmedForMs: 0,
      approved: false,
    };
    const gone = report(7, 'PAY/api', { files: [] });
    await storeRun(backend.store, 'default', finishedRun(), [gone], [held]);

    expect(await get(READ)).toMatchObject({
      body: {
        heldRemovals: [
          {
            projectKey: 'PAY',
            repositorySlug: 'api',
            targetUrl: 'component:default/api',
          },
        ],
      },
    });
  });
});

describe('the repositories', () => {
  const slugs = Array.from({ length: 25 }, (_, index) => `r${10 + index}`);

  beforeEach(() =>
    storeRun(backend.store, 'default', finishedRun(), [
      report(100, 'SHOP/web', {
        outcome: 'absent',
        reason: 'no-catalog-file',
        files: [],
      }),
      report(101, '~jdoe/notes', {
        outcome: 'unknown',
        reason: 'timeout',
        detail: 'Bitbucket did not answer within 30 seconds',
        checkedAtMs: undefined,
      }),
      ...slugs.map((slug, index) => report(index, `PAY/${slug}`)),
    ]),
  );

  it('show the outcome and the remedy of each', async () => {
    expect(await get(`${READ}/repositories?offset=25&limit=2`)).toMatchObject({
      status: 200,
      body: {
        items: [
          {
            projectKey: 'SHOP',
            repositorySlug: 'web',
            outcome: 'absent',
            reason: 'no-catalog-file',
            cause: expect.stringContaining('does not exist'),
            remedy: expect.stringContaining('catalogPath'),
            files: [],
            checkedAt: '2024-01-01T00:00:00.000Z',
          },
          {
            projectKey: '~jdoe',
            repositorySlug: 'notes',
            outcome: 'unknown',
            reason: 'timeout',
            detail: 'Bitbucket did not answer within 30 seconds',
          },
        ],
        totalItems: 27,
        limit: 2,
        offset: 25,
      },
    });
  });

  it('are at most 100, from the first one, by default', async () => {
    expect(await get(`${READ}/repositories`)).toMatchObject({
      body: { totalItems: 27, limit: 100, offset: 0 },
    });
  });

  it.each([
    ['outcome=absent', 1],
    ['outcome=registered&limit=10', 25],
    ['project=pay', 25],
    ['project=%7EJDOE', 1],
    ['project=PAY&outcome=unknown', 0],
    ['project=P%25', 0],
    ['limit=1000', 27],
    ['offset=9007199254740991', 27],
  ])('match the query %s (%i of them)', async (query, totalItems) => {
    const answer = await get(`${READ}/repositories?${query}`);

    expect(answer).toMatchObject({ status: 200, body: { totalItems } });
  });

  it('are those of one provider', async () => {
    expect(await get('/discoveries/other/repositories')).toMatchObject({
      body: { items: [], totalItems: 0 },
    });
  });

  it('are returned in consecutive pages', async () => {
    const seen: string[] = [];
    for (let offset = 0; offset < 27; offset += 10) {
      const { body } = await get(`${READ}/repositories?limit=10&offset=${offset}`);
      seen.push(...Page.parse(body).items.map(item => item.repositorySlug));
    }

    expect(seen).toEqual([...slugs, 'web', 'notes']);
  });

  it.each([
    ['outcome=lost', 'outcome'],
    ['outcome=', 'outcome'],
    ['outcome=Absent', 'outcome'],
    ['outcome=absent&outcome=unknown', 'outcome'],
    ['project=', 'project'],
    ['project=PAY&project=SHOP', 'project'],
    ['project[key]=PAY', 'project'],
    ['project=%00', 'project'],
    ['project=PAY%00', 'project'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=', 'limit'],
    ['limit=ten', 'limit'],
    ['offset=-1', 'offset'],
    ['offset=9007199254740992', 'offset'],
    ['offset=NaN', 'offset'],
    ['page=2', 'page'],
    ['Limit=10', 'Limit'],
  ])('are refused for %s, with the name of the wrong parameter', async (query, name) => {
    const answer = await get(`${READ}/repositories?${query}`);

    expect(answer).toMatchObject({
      status: 400,
      body: {
        error: { name: 'InputError', message: expect.stringContaining(`"${name}"`) },
        response: { statusCode: 400 },
      },
    });
  });

  it('include one by its address in any case', async () => {
    expect(await get(`${READ}/repositories/pay/R10`)).toMatchObject({
      status: 200,
      body: {
        projectKey: 'PAY',
        repositorySlug: 'r10',
        outcome: 'registered',
        files: [{ path: 'catalog-info.yaml', targetUrl: target('PAY/r10') }],
      },
    });
    expect(await get(`${READ}/repositories/~JDOE/notes`)).toMatchObject({ status: 200 });
    expect(await get(`${READ}/repositories/%7Ejdoe/notes`)).toMatchObject({
      status: 200,
    });
  });

  it.each(['PAY/nope', 'NOPE/r10', 'PAY/r1', 'PAY/r%25', "PAY/'--"])(
    'explain what it can mean that there is no %s',
    async address => {
      expect(await get(`${READ}/repositories/${address}`)).toMatchObject({
        status: 404,
        body: {
          error: { name: 'NotFoundError', message: expect.stringContaining('misspelt') },
        },
      });
    },
  );

  it.each([
    ['PAY/%00', 'repository slug'],
    ['PAY/r1%000', 'repository slug'],
    ['P%00AY/r10', 'project key'],
    ['%00/%00', 'project key'],
  ])(
    'are refused for %s, which databases do not accept, with the name of the wrong part',
    async (address, name) => {
      expect(await get(`${READ}/repositories/${address}`)).toMatchObject({
        status: 400,
        body: {
          error: { name: 'InputError', message: expect.stringContaining(`"${name}"`) },
        },
      });
    },
  );

  it('are found while their removal is held back, even if no run lists them any more', async () => {
    await holdBack('gone', 'r10');

    expect(await get(`${READ}/repositories/pay/GONE`)).toMatchObject({
      status: 200,
      body: {
        projectKey: 'PAY',
        repositorySlug: 'gone',
        outcome: 'registered',
        cause: expect.stringContaining('held back'),
        remedy: expect.stringContaining('Approve'),
        files: [{ path: 'catalog-info.yaml', targetUrl: target('PAY/gone') }],
        heldRemovals: [
          { targetUrl: target('PAY/gone'), since: '2024-01-01T00:00:00.000Z' },
        ],
      },
    });
    expect(await get(`${READ}/repositories/PAY/r10`)).toMatchObject({
      body: { heldRemovals: [{ targetUrl: target('PAY/r10') }] },
    });
    expect((await get(`${READ}/repositories/PAY/r11`)).body).not.toHaveProperty(
      'heldRemovals',
    );
  });

  it('are kept apart by provider', async () => {
    const answer = await get('/discoveries/other/repositories/PAY/r10');

    expect(answer.status).toBe(404);
  });

  it('do not include paths that are not an address', async () => {
    const broken = await backend.ask('GET', `${READ}/repositories/PAY/%E0%A4%A`);

    expect(broken).toMatchObject({
      status: 400,
      body: { response: { statusCode: 400 } },
    });
  });
});

describe('the conflicts', () => {
  const LIST = `${READ}/repositories`;

  /** The catalog has a Component from one repository that another one holds as well. */
  async function dispute(): Promise<void> {
    const [api, fork] = [target('PAY/api'), target('~jdoe/api')];
    await storeRun(backend.store, 'default', finishedRun(), [
      report(1, 'PAY/api'),
      report(2, 'PAY/web'),
      report(3, '~jdoe/api', { outcome: 'unknown', reason: 'timeout' }),
    ]);
    await storeRun(backend.store, 'other', finishedRun(), [report(2, 'PAY/web')]);
    await hold('component:default/api', `url:${api}`);
    await hold(plainLocationRef(fork), 'bitbucketServer-provider:default');
    await backend.conflicts.recordRefused([
      { entityRef: 'component:default/api', targetUrl: fork, holderKey: `url:${api}` },
    ]);
  }

  const hold = (entityRef: string, locationKey: string) =>
    backend.knex('refresh_state').insert({
      entity_id: randomUUID(),
      entity_ref: entityRef,
      unprocessed_entity: '{}',
      unprocessed_hash: '',
      errors: '',
      location_key: locationKey,
      next_update_at: '2100-01-01 00:00:00',
      last_discovery_at: '2100-01-01 00:00:00',
    });

  afterEach(() =>
    backend.knex('refresh_state').where('next_update_at', '2100-01-01 00:00:00').delete(),
  );

  it('are shown for each repository, with both sides and a remedy', async () => {
    await dispute();

    const { body } = await get(`${LIST}/~jdoe/api`);

    expect(body).toMatchObject({
      conflicts: [
        {
          kind: 'entity',
          entityRef: 'component:default/api',
          targetUrl: target('~jdoe/api'),
          role: 'refused',
          other: {
            locationKey: `url:${target('PAY/api')}`,
            description: 'catalog-info.yaml of PAY/api',
            targetUrl: target('PAY/api'),
            projectKey: 'PAY',
            repositorySlug: 'api',
            path: 'catalog-info.yaml',
          },
          explanation: expect.stringContaining('catalog-info.yaml of ~jdoe/api'),
          remedy: expect.stringContaining('skipForkedRepos'),
        },
      ],
    });
    expect((await get(`${LIST}/PAY/api`)).body).toMatchObject({
      conflicts: [{ role: 'holds', other: { projectKey: '~jdoe' } }],
    });
    expect((await get(`${LIST}/PAY/web`)).body).toMatchObject({ conflicts: [] });
  });

  it.each([
    ['conflicts=true', ['PAY/api', '~jdoe/api']],
    ['conflicts=true&outcome=unknown', ['~jdoe/api']],
    ['conflicts=true&project=pay', ['PAY/api']],
    ['conflicts=true&project=SHOP', []],
  ])('select repositories by %s', async (query, expected) => {
    await dispute();

    const { body } = await get(`${LIST}?${query}`);

    const { items } = Disputed.parse(body);
    expect(items.map(item => `${item.projectKey}/${item.repositorySlug}`)).toEqual(
      expected,
    );
    expect(items.every(item => item.conflicts.length === 1)).toBe(true);
    expect(body).toMatchObject({ totalItems: expected.length });
  });

  it('are returned in pages as well', async () => {
    await dispute();

    expect((await get(`${LIST}?conflicts=true&limit=1&offset=1`)).body).toMatchObject({
      items: [{ repositorySlug: 'api', projectKey: '~jdoe' }],
      totalItems: 2,
      limit: 1,
      offset: 1,
    });
  });

  it('are counted once for both sides, for each provider separately', async () => {
    await dispute();

    expect((await get('/discoveries')).body).toMatchObject({
      items: [{ summary: { conflicts: 1 } }, { summary: { conflicts: 0 } }],
    });
    expect((await get(READ)).body).toMatchObject({ summary: { conflicts: 1 } });
  });

  it.each(['false', '1', '', 'TRUE', 'true&conflicts=true'])(
    'are not selected by conflicts=%s',
    async value => {
      expect(await get(`${LIST}?conflicts=${value}`)).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining('"conflicts"') } },
      });
    },
  );

  it('are left out if they cannot be read, while the rest of the report is complete', async () => {
    await dispute();
    await breakConflicts(async () => {
      expect((await get(READ)).body).not.toHaveProperty('summary.conflicts');
      const { status, body } = await get(`${LIST}/PAY/api`);
      expect([status, body]).toEqual([200, expect.objectContaining({ files: [FILE] })]);
      expect(body).not.toHaveProperty('conflicts');
      expect(await get(LIST)).toMatchObject({ status: 200, body: { totalItems: 3 } });
      expect(await get(`${LIST}?conflicts=true`)).toMatchObject({
        status: 503,
        body: { error: { name: 'ServiceUnavailableError' } },
      });
    });
  });
});

/** While something is done, the table of conflicts is away. */
async function breakConflicts(during: () => Promise<void>): Promise<void> {
  const [table, away] = ['conflicts', 'conflicts_away'].map(
    name => `bitbucket_server_discovery_${name}`,
  );
  await backend.knex.schema.renameTable(String(table), String(away));
  try {
    await during();
  } finally {
    await backend.knex.schema.renameTable(String(away), String(table));
  }
}

describe('approving removals', () => {
  const approve = (id = 'default', ...rest: [headers?: Record<string, string>]) =>
    ask('POST', `/discoveries/${id}/removals/approve`, ...rest);

  const approvedNow = async () =>
    (await backend.reports.loadHeldRemovals('default')).map(removal => removal.approved);

  it('carries out held removals once', async () => {
    await holdBack('api', 'web');

    expect(await approve()).toMatchObject({ status: 200, body: { approved: 2 } });
    expect(await approvedNow()).toEqual([true, true]);
    expect(await approve()).toMatchObject({ status: 200, body: { approved: 0 } });
  });

  it('removes them from the catalog and shows that immediately', async () => {
    await getHoldBack(['api', 'web'], { outcome: 'excluded', reason: 'archived' });
    expect((await get(`${READ}/repositories/PAY/api`)).body).toMatchObject({
      files: [{ targetUrl: target('PAY/api') }],
    });

    await approve();

    const mutation = backend.connections.get('default')?.mutations.at(-1);
    expect(mutation).toMatchObject({ type: 'delta', added: [] });
    expect(mutation?.type === 'delta' && mutation.removed).toHaveLength(2);
    expect((await get(READ)).body).toMatchObject({
      summary: { heldBack: 0, locations: 0 },
    });
    expect((await get(`${READ}/repositories/PAY/api`)).body).toMatchObject({
      outcome: 'excluded',
      files: [],
    });
  });

  it('leaves no trace of a repository that is gone', async () => {
    await holdBack('api', 'web');

    await approve();

    expect((await get(`${READ}/repositories`)).body).toMatchObject({ totalItems: 0 });
    expect(await get(`${READ}/repositories/PAY/api`)).toMatchObject({ status: 404 });
  });

  it('carries out no removals of another provider', async () => {
    await holdBack('api');

    expect(await approve('other')).toMatchObject({ body: { approved: 0 } });
    expect(await approvedNow()).toEqual([false]);
  });

  it('is audited', async () => {
    await holdBack('api', 'web');

    await approve();

    expect(backend.world.audited).toEqual([
      {
        eventId: 'bitbucket-server-removals-approve',
        severityLevel: 'high',
        provider: 'bitbucketServer-provider:default',
        ending: 'success',
        meta: { approved: 2 },
      },
    ]);
  });

  it.each<[string, () => Promise<unknown>, number, string]>([
    [
      'a caller who may only read',
      async () => {
        backend.world.granted = new Set(['catalog.location.read']);
        return approve();
      },
      403,
      'NotAllowedError',
    ],
    ['an unknown provider', async () => approve('nobody'), 404, 'NotFoundError'],
    [
      'an unknown parameter',
      async () => ask('POST', `${READ}/removals/approve?dryRun=true`),
      400,
      'InputError',
    ],
  ])('is refused, and audited, for %s', async (_, request, status, error) => {
    await holdBack('api');

    expect(await request()).toMatchObject({ status, body: { error: { name: error } } });

    expect(await approvedNow()).toEqual([false]);
    expect(backend.world.audited).toMatchObject([{ ending: 'fail', error }]);
  });

  it('says so when it fails', async () => {
    await holdBack('api');
    backend.world.approvalError = new TypeError('the catalog is away');

    const answer = await backend.ask('POST', `${READ}/removals/approve`);

    expect(answer).toMatchObject({
      status: 500,
      body: { response: { statusCode: 500 } },
    });
    expect(backend.world.audited).toMatchObject([{ ending: 'fail', error: 'TypeError' }]);
    expect(await approvedNow()).toEqual([false]);
  });

  it('needs more than the permission to read', async () => {
    await holdBack('api');

    const answer = await backend.ask('GET', `${READ}/removals/approve`);

    expect(answer.status).toBe(404);
    expect(await approvedNow()).toEqual([false]);
  });

  it('is refused without credentials', async () => {
    await holdBack('api');

    expect(await approve('default', {})).toMatchObject({ status: 401 });

    expect(await approvedNow()).toEqual([false]);
    expect(backend.world.audited).toEqual([]);
  });
});

describe('the API document of the report', () => {
  const repository = `${READ}/repositories/PAY/api`;
  const operations: [string, string, string][] = [
    ['get /discoveries', 'GET', '/discoveries'],
    ['get /discoveries/{id}', 'GET', READ],
    ['get /discoveries/{id}/repositories', 'GET', `${READ}/repositories`],
    ['get /discoveries/{id}/repositories/{key}/{slug}', 'GET', repository],
    ['post /discoveries/{id}/removals/approve', 'POST', `${READ}/removals/approve`],
  ];

  it.each(operations)('describes every answer of %s', async (name, method, path) => {
    await storeRun(backend.store, 'default', finishedRun(), [report(1, 'PAY/api')]);
    const seen = [];

    seen.push((await ask(method, path)).status);
    seen.push((await ask(method, `${path}?nonsense=1`)).status);
    seen.push((await ask(method, path, {})).status);
    const forged = { authorization: mockCredentials.user.invalidHeader() };
    expect((await ask(method, path, forged)).status).toBe(401);
    if (path !== '/discoveries') {
      seen.push((await ask(method, path.replace('default', 'nobody'))).status);
    }
    if (path.endsWith('/repositories')) {
      await breakConflicts(async () => {
        seen.push((await ask(method, `${path}?conflicts=true`)).status);
      });
    }
    backend.world.granted = new Set();
    seen.push((await ask(method, path)).status);

    const described = contract
      .described()
      .filter(answer => answer.startsWith(`${name} `));
    expect(seen.sort().map(status => `${name} ${status}`)).toEqual(described.sort());
  });

  it('describes nothing else', () => {
    const known = operations.map(([name]) => name);

    expect(
      contract.described().filter(answer => !known.includes(answer.replace(/ \d+$/, ''))),
    ).toEqual([]);
  });

  it('names the same codes', () => {
    expect(contract.getEnum('Outcome')).toEqual(OUTCOME_KINDS);
    expect(contract.getEnum('ConflictKind')).toEqual(CONFLICT_KINDS);
    expect(contract.getEnum('ConflictRole')).toEqual(CONFLICT_ROLES);
    expect(contract.getEnum('Reason')).toEqual([
      ...EXCLUSION_REASONS,
      ...ABSENCE_REASONS,
      ...UNKNOWN_REASONS,
    ]);
  });

  it('fits every outcome', async () => {
    const reports = [
      ...EXCLUSION_REASONS.map(reason => ({ outcome: 'excluded', reason }) as const),
      ...ABSENCE_REASONS.map(reason => ({ outcome: 'absent', reason }) as const),
      ...UNKNOWN_REASONS.map(reason => ({ outcome: 'unknown', reason }) as const),
    ].map((outcome, id) => report(id, `PAY/r${id}`, outcome));
    await storeEvaluation(backend.store, 'default', reports);

    expect(await get(`${READ}/repositories`)).toMatchObject({
      body: { totalItems: reports.length },
    });
  });

  it.each<[string, Exchange]>([
    ['an answer', { method: 'GET', path: '/discoveries', status: 418, body: {} }],
    ['a path', { method: 'GET', path: '/nonsense', status: 200, body: {} }],
    ['a method', { method: 'DELETE', path: '/discoveries', status: 200, body: {} }],
    [
      'a field',
      { method: 'GET', path: '/discoveries', status: 200, body: { items: [], more: 1 } },
    ],
    [
      'a parameter',
      { method: 'GET', path: '/discoveries?a=1', status: 200, body: { items: [] } },
    ],
  ])('rejects %s that it does not describe', (_, exchange) => {
    expect(() => contract.check(exchange)).toThrow();
  });

  it('leaves other paths to the catalog', async () => {
    const beside = await backend.ask('GET', '/nonsense');
    const method = await backend.ask('POST', '/discoveries');

    expect([beside.status, method.status]).toEqual([404, 404]);
  });
});
