import {
  clearCatalogTables,
  insertIntoCatalog,
  locationRow,
} from '../__testUtils__/catalogTables';
import { target } from '../__testUtils__/discoveryData';
import { Exchange, OpenApiContract } from '../__testUtils__/openApiContract';
import { ReportBackend, startReportBackend } from '../__testUtils__/reportBackend';
import {
  finishedRun,
  repositoryReport as report,
  storeRun,
} from '../__testUtils__/reportData';
import { RepositoryReport } from '../discovery/report';
import { plainLocationRef } from '../provider/locationEntities';

const LIST = '/discoveries/default/repositories';
const FILE = plainLocationRef(target('PAY/api'));
const BROKEN = { name: 'InputError', message: 'it is broken' };

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

describe('what became of the files in the catalog', () => {
  it('is shown of each repository: its entities, and what the catalog says went wrong', async () => {
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
        { entityRef: 'api:default/c', message: 'InputError: it is broken' },
        { entityRef: FILE, message: 'InputError: it is broken' },
      ],
    };
    const nothing = { entities: [], errors: [] };
    expect((await get(LIST)).body).toMatchObject({
      items: [{ catalog: inCatalog }, { catalog: nothing }, { catalog: nothing }],
    });
    expect((await get(`${LIST}/PAY/api`)).body).toMatchObject({ catalog: inCatalog });
  });

  it('is what a location parser made itself, and what came of that', async () => {
    const [location, made] = [locationRow(target('PAY/api')), 'component:default/made'];
    const key = target('PAY/api');
    const files = [{ path: 'catalog-info.yaml', targetUrl: key }];
    await store(report(1, 'PAY/api', { files }));
    await backend.knex('bitbucket_server_discovery_repositories').update({
      files: JSON.stringify(
        [key, made].map(one => ({ ...files[0], entity: { key: one, json: '{}' } })),
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
    'is left out where there is no table %s: the rest of the report stands',
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
});
