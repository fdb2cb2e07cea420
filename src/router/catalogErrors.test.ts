import {
  clearCatalogTables,
  insertIntoCatalog,
  locationRow,
} from '../__testUtils__/catalogTables';
import { z } from 'zod';
import { target } from '../__testUtils__/discoveryData';
import { Exchange, OpenApiContract } from '../__testUtils__/openApiContract';
import { ReportBackend, startReportBackend } from '../__testUtils__/reportBackend';
import {
  finishedRun,
  repositoryReport as report,
  storeRun,
} from '../__testUtils__/reportData';
import { CATALOG_ERROR_REASONS } from '../discovery/catalogErrors';
import { RepositoryReport } from '../discovery/report';
import { plainLocationRef } from '../provider/locationEntities';

const LIST = '/discoveries/default/repositories';
const FILE = plainLocationRef(target('PAY/api'));
const BROKEN = {
  name: 'NotAllowedError',
  message: 'is not of an allowed kind for that location',
};
const SAID = {
  message: `${BROKEN.name}: ${BROKEN.message}`,
  reason: 'kind-not-allowed',
  remedy: expect.stringContaining('`catalog.rules`'),
};

const contract = new OpenApiContract('docs/report.openapi.yaml');

let backend: ReportBackend;

beforeAll(async () => {
  backend = await startReportBackend();
});
afterAll(() => backend.stop());
beforeEach(async () => {
  await backend.reset();
  await clearCatalogTables(backend.knex);
});

/** Asks, and holds the answer to the document. */
async function get(path: string): Promise<Exchange> {
  const exchange = await backend.ask('GET', path);
  contract.check(exchange);
  return exchange;
}

const Listed = z.object({
  items: z.array(z.object({ projectKey: z.string(), repositorySlug: z.string() })),
  totalItems: z.number(),
});

/** The repositories of a page, such as `PAY/api`, and how many there are. */
async function listed(query: string): Promise<[string[], number]> {
  const { items, totalItems } = Listed.parse((await get(`${LIST}?${query}`)).body);
  return [items.map(item => `${item.projectKey}/${item.repositorySlug}`), totalItems];
}

const store = (...repositories: readonly RepositoryReport[]) =>
  storeRun(backend.store, 'default', finishedRun(), repositories);

/** Renames a table of the catalog for a while, as if it were of another version. */
async function withoutTable(name: string, during: () => Promise<void>): Promise<void> {
  await backend.knex.schema.renameTable(name, `${name}_away`);
  try {
    await during();
  } finally {
    await backend.knex.schema.renameTable(`${name}_away`, name);
  }
}

/** Queries of the catalog's own engine, which runs in the background. */
const CATALOG_ENGINE = /`(?:stitch_queue|unprocessed_entity|source_key)`/;

describe('the state of files in the catalog', () => {
  it('is shown for each repository, with its entities and the errors of the catalog', async () => {
    await store(report(1, 'PAY/api'), report(2, 'PAY/web'), report(3, 'SHOP/new'));
    await insertIntoCatalog(backend.knex, [
      locationRow(target('PAY/api'), { errors: [BROKEN] }),
      { ref: 'component:default/b', parent: FILE },
      { ref: 'component:default/a', parent: FILE },
      { ref: 'api:default/c', parent: FILE, isShown: false, errors: [BROKEN] },
      locationRow(target('PAY/web'), { isShown: false }),
    ]);

    const inCatalog = {
      entities: ['component:default/a', 'component:default/b'],
      errors: [
        { ...SAID, entityRef: 'api:default/c' },
        { ...SAID, entityRef: FILE },
      ],
    };
    const nothing = { entities: [], errors: [] };
    expect((await get(LIST)).body).toMatchObject({
      items: [{ catalog: inCatalog }, { catalog: nothing }, { catalog: nothing }],
    });
    expect((await get(`${LIST}/PAY/api`)).body).toMatchObject({ catalog: inCatalog });
  });

  it('includes entities of a location parser and what they led to', async () => {
    const [location, made] = [locationRow(target('PAY/api')), 'component:default/made'];
    const key = target('PAY/api');
    const files = [{ path: 'catalog-info.yaml', targetUrl: key }];
    await store(report(1, 'PAY/api', { files }));
    await backend.knex('bitbucket_server_discovery_repositories').update({
      files: JSON.stringify(
        [key, made].map(entityKey => ({
          ...files[0],
          entity: { key: entityKey, json: '{}' },
        })),
      ),
    });
    await insertIntoCatalog(backend.knex, [
      location,
      { ref: 'component:default/read', parent: FILE },
      { ref: made, parent: location.parent, errors: [BROKEN] },
    ]);

    expect((await get(`${LIST}/PAY/api`)).body).toMatchObject({
      catalog: {
        entities: [made, 'component:default/read'],
        errors: [{ entityRef: made }],
      },
    });
  });

  it.each(['refresh_state', 'refresh_state_references', 'final_entities'])(
    'is left out if there is no table %s, while the rest of the report is complete',
    async table => {
      await store(report(1, 'PAY/api'));

      await withoutTable(table, async () => {
        const { status, body } = await get(`${LIST}/PAY/api`);
        expect([status, body]).toMatchObject([200, { outcome: 'registered' }]);
        expect(body).not.toHaveProperty('catalog');
        expect(await get(LIST)).toMatchObject({ status: 200, body: { totalItems: 1 } });
      });
      expect((await get(`${LIST}/PAY/api`)).body).toHaveProperty('catalog');
    },
  );

  it('is shown without the passwords in URLs, and at limited length', async () => {
    await store(report(1, 'PAY/api'));
    const message = `Unable to read url, https://me:secret@git.test/x ${'x'.repeat(5_000)}`;
    await insertIntoCatalog(backend.knex, [
      locationRow(target('PAY/api'), { errors: [{ name: 'Error', message }] }),
    ]);

    const text = JSON.stringify((await get(`${LIST}/PAY/api`)).body);

    expect(text).toContain('https://git.test/x');
    expect(text).not.toContain('secret');
    expect(text.length).toBeLessThan(4_000);
  });
});

describe('repositories with files that the catalog could not use', () => {
  /** Errors of a file and of what came of one, of one at a former address, and of another provider. */
  async function fail(): Promise<void> {
    const moved = [{ path: 'catalog-info.yaml', targetUrl: target('OLD/moved') }];
    await store(
      report(1, 'SHOP/web', { outcome: 'unknown', reason: 'timeout', detail: 'late' }),
      report(2, 'PAY/fine'),
      report(3, 'PAY/api'),
      report(4, 'NEW/moved', { files: moved }),
    );
    await storeRun(backend.store, 'other', finishedRun(), [report(5, 'PAY/other')]);
    await insertIntoCatalog(backend.knex, [
      locationRow(target('PAY/api'), { errors: [BROKEN, BROKEN] }),
      locationRow(target('PAY/fine')),
      locationRow(target('OLD/moved'), { errors: [BROKEN] }),
      locationRow(target('SHOP/web')),
      {
        ref: 'component:default/web',
        parent: plainLocationRef(target('SHOP/web')),
        errors: [BROKEN],
      },
      locationRow(target('PAY/other'), { errors: [BROKEN] }, 'other'),
    ]);
  }

  it.each<[string, [string[], number]]>([
    ['errors=true', [['NEW/moved', 'PAY/api', 'SHOP/web'], 3]],
    ['errors=true&limit=1&offset=1', [['PAY/api'], 3]],
    ['errors=true&outcome=unknown', [['SHOP/web'], 1]],
    ['errors=true&project=pay', [['PAY/api'], 1]],
    ['errors=true&project=NONE', [[], 0]],
    ['errors=true&conflicts=true', [[], 0]],
    ['limit=1000', [['NEW/moved', 'PAY/api', 'PAY/fine', 'SHOP/web'], 4]],
  ])('are selected by %s, in the usual order', async (query, expected) => {
    await fail();

    expect(await listed(query)).toEqual(expected);
  });

  it('are counted for each provider separately', async () => {
    await fail();

    expect((await get('/discoveries')).body).toMatchObject({
      items: [{ summary: { withErrors: 3 } }, { summary: { withErrors: 1 } }],
    });
  });

  it('are no longer listed once the catalog has no errors', async () => {
    await fail();
    await backend.knex('refresh_state').update({ errors: '[]' });

    expect(await listed('errors=true')).toEqual([[], 0]);
    expect((await get('/discoveries/default')).body).toMatchObject({
      summary: { withErrors: 0 },
    });
  });

  it('include those whose entity belongs to another file', async () => {
    await store(report(1, 'PAY/api'), report(2, 'PAY/fork'));
    await insertIntoCatalog(backend.knex, [
      {
        ...locationRow(target('PAY/api')),
        locationKey: 'bitbucketServer-provider:default',
      },
      {
        ...locationRow(target('PAY/fork')),
        locationKey: 'bitbucketServer-provider:default',
      },
      {
        ref: 'component:default/api',
        parent: FILE,
        locationKey: `url:${target('PAY/api')}`,
      },
    ]);
    await backend.conflicts.recordRefused([
      {
        entityRef: 'component:default/api',
        targetUrl: target('PAY/fork'),
        holderKey: `url:${target('PAY/api')}`,
      },
    ]);

    expect(await listed('errors=true')).toEqual([['PAY/fork'], 1]);
    expect(await listed('errors=true&conflicts=true')).toEqual([['PAY/fork'], 1]);
    expect((await get(`${LIST}/PAY/fork`)).body).toMatchObject({
      catalog: {
        entities: [],
        errors: [
          {
            entityRef: 'component:default/api',
            message: expect.stringContaining('catalog-info.yaml of PAY/api'),
            reason: 'name-taken',
            remedy: expect.stringContaining('metadata.name'),
          },
        ],
      },
    });
  });

  it.each(['false', '1', '', 'TRUE', 'true&errors=true'])(
    'are not selected by errors=%s',
    async value => {
      expect(await get(`${LIST}?errors=${value}`)).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining('"errors"') } },
      });
    },
  );

  it('are left out, rather than reported as none, if they cannot be read', async () => {
    await fail();
    await withoutTable('refresh_state', async () => {
      expect((await get('/discoveries/default')).body).not.toHaveProperty(
        'summary.withErrors',
      );
      expect(await get(`${LIST}?errors=true`)).toMatchObject({
        status: 503,
        body: { error: { name: 'ServiceUnavailableError' } },
      });
    });
  });

  it('are found among any number with a bounded number of queries', async () => {
    const repositories = Array.from({ length: 2_500 }, (_, i) => report(i, `PAY/r${i}`));
    await store(...repositories);
    await insertIntoCatalog(
      backend.knex,
      repositories.map((_, index) =>
        locationRow(target(`PAY/r${index}`), {
          errors: index % 25 === 0 ? [BROKEN] : [],
        }),
      ),
    );
    let queries = 0;
    const count = ({ sql }: { readonly sql: string }) => {
      queries += sql.startsWith('select') && !CATALOG_ENGINE.test(sql) ? 1 : 0;
    };
    backend.knex.on('query', count);

    const [, total] = await listed('errors=true&limit=10');

    backend.knex.off('query', count);
    expect(total).toBe(100);
    // One per 1,000 Locations for their names, one per 200 for their state, and a few more.
    expect(queries).toBeLessThan(3 + 13 + 20);
  });
});

it('the reasons in the code are those in the API document', () => {
  expect(contract.getEnum('CatalogErrorReason')).toEqual([...CATALOG_ERROR_REASONS]);
});
