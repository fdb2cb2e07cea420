import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { plainLocationRef, toLocationEntity } from '../provider/locationEntities';
import { readCatalogBaseline } from './readCatalogBaseline';

const PROVIDER = 'bitbucketServer-provider:default';
const PAGE = 'https://git.example.com/projects/PAY/repos/api/browse';
const TARGET = `${PAGE}/catalog-info.yaml`;
const FILE = {
  path: 'catalog-info.yaml',
  targetUrl: TARGET,
  presence: 'required',
} as const;
const LOCATION = toLocationEntity({
  repository: { id: 7, projectKey: 'PAY', slug: 'api' },
  file: FILE,
});
const COMPONENT = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: {
    annotations: { 'backstage.io/managed-by-location': `url:${TARGET}` },
    name: 'api',
  },
};

const databases = createTestDatabases();

/** Reads from catalog tables with these entities. */
async function readFrom(rows: readonly { entity: unknown; sourceKey?: string }[]) {
  const knex = await databases.init('SQLITE_3');
  await knex.schema.createTable('refresh_state', table => {
    table.string('entity_ref');
    table.text('unprocessed_entity');
  });
  await knex.schema.createTable('refresh_state_references', table => {
    table.increments('id');
    table.string('source_key');
    table.string('target_entity_ref');
  });
  for (const [index, { entity, sourceKey = PROVIDER }] of rows.entries()) {
    const ref = `entity-${index}`;
    const text = typeof entity === 'string' ? entity : JSON.stringify(entity);
    await knex('refresh_state').insert({ entity_ref: ref, unprocessed_entity: text });
    await knex('refresh_state_references').insert({
      source_key: sourceKey,
      target_entity_ref: ref,
    });
  }
  return readCatalogBaseline(asDatabaseService(knex), PROVIDER, plainLocationRef);
}

describe('the catalog baseline of a provider', () => {
  it.each([
    ['required', 'required'],
    ['optional', 'optional'],
    [undefined, 'required'],
    ['sometimes', 'required'],
  ])(
    'is the file that a Location reads, with presence %s as %s',
    async (given, presence) => {
      const entity = { ...LOCATION, spec: { ...LOCATION.spec, presence: given } };
      expect(await readFrom([{ entity }])).toEqual({
        repositories: [
          {
            repositoryId: -1,
            projectKey: 'PAY',
            slug: 'api',
            files: [{ ...FILE, presence }],
          },
        ],
        held: [],
      });
    },
  );

  it('contains an entity that a location parser emitted for a file, as a whole', async () => {
    const { repositories } = await readFrom([{ entity: COMPONENT }]);

    const entity = { key: 'component:default/api', json: JSON.stringify(COMPONENT) };
    expect(repositories[0]?.files).toEqual([{ ...FILE, entity }]);
  });

  it.each([
    [
      'another target',
      'url:https://wiki.example.com/api',
      'https://wiki.example.com/api',
    ],
    [
      'a target that is not a URL',
      'bitbucket-server:PAY/api',
      'bitbucket-server:PAY/api',
    ],
  ])(
    'contains an entity that a location parser emitted for %s',
    async (_, location, targetUrl) => {
      const annotations = {
        'backstage.io/managed-by-location': location,
        'bitbucket.org/project-key': 'PAY',
        'bitbucket.org/repo-slug': 'api',
      };
      const entity = { ...COMPONENT, metadata: { annotations, name: 'api' } };
      const { repositories } = await readFrom([{ entity }]);

      const key = 'component:default/api';
      expect(repositories).toEqual([
        {
          repositoryId: -1,
          projectKey: 'PAY',
          slug: 'api',
          files: [
            {
              path: '',
              targetUrl,
              presence: 'required',
              entity: { key, json: JSON.stringify(entity) },
            },
          ],
        },
      ]);
    },
  );

  it('contains a Location of a parser when its target is not its own file', async () => {
    const metadata = { ...COMPONENT.metadata, name: 'bundle' };
    const spec = { type: 'url', targets: [`${PAGE}/a.yaml`, `${PAGE}/b.yaml`] };
    const { repositories } = await readFrom([
      { entity: { ...COMPONENT, kind: 'Location', metadata, spec } },
    ]);

    expect(repositories[0]?.files[0]?.entity?.key).toBe('location:default/bundle');
  });

  it.each([
    [
      'of another provider',
      { entity: LOCATION, sourceKey: 'bitbucketServer-provider:b' },
    ],
    [
      'without a file in its annotations',
      { entity: { ...COMPONENT, metadata: { name: 'x' } } },
    ],
    ['that is not an entity', { entity: { kind: 'Location', spec: { target: TARGET } } }],
    ['that is not JSON', { entity: '{' }],
  ])('ignores a row %s', async (_, row) => {
    expect((await readFrom([row])).repositories).toEqual([]);
  });
});
