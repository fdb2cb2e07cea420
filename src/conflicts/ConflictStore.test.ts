import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Knex } from 'knex';
import { NOW, target } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { plainLocationRef, providerName } from '../provider/locationEntities';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import {
  ConflictStore,
  EmittedEntity,
  MAX_ENTITY_CONFLICTS,
  MAX_LOCATION_CONFLICTS,
} from './ConflictStore';

const databases = createTestDatabases();

const A = providerName('a');
const B = providerName('b');
const PROVIDERS = new Map([
  [A, 'a'],
  [B, 'b'],
]);
const API = { entity_ref: 'component:default/api' };
const NOTHING_RELEASED = { released: [], areMoreToCome: false };
const TABLES = [
  'refresh_state_references',
  'refresh_state',
  'locations',
  'bitbucket_server_discovery_conflicts',
  'bitbucket_server_discovery_providers',
];
const CATALOG = path.dirname(
  require.resolve('@backstage/plugin-catalog-backend/package.json'),
);

/** One entity per batch, since the result for one must not depend on the others. */
async function* toBatches(entities: readonly EmittedEntity[]) {
  for (const entity of entities) {
    yield [entity];
  }
}

const given = (at: string) => ({
  entityRef: plainLocationRef(target(at)),
  targetUrl: target(at),
  isLocation: true,
});
const refused = (name: string, at: string, holderKey: string) => ({
  entityRef: `component:default/${name}`,
  targetUrl: target(at),
  holderKey,
});
const urlKey = (at: string) => `url:${target(at)}`;

describe.each(databases.eachSupportedId())('the conflicts in %s', databaseId => {
  let knex: Knex;
  let store: ConflictStore;
  let clock: FakeClock;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    // The tables that are read are those of the installed catalog.
    await knex.migrate.latest({ directory: path.join(CATALOG, 'migrations') });
  });
  beforeEach(async () => {
    clock = new FakeClock({ startMs: NOW });
    store = createStore();
    await store.load();
    for (const table of TABLES) {
      await knex(table).delete();
    }
    await knex('bitbucket_server_discovery_providers').insert(
      [...PROVIDERS.values()].map(id => ({ provider_id: id })),
    );
  });

  const createStore = (providers: ReadonlyMap<string, string> = PROVIDERS) =>
    new ConflictStore(new DiscoveryDatabase(asDatabaseService(knex)), {
      providers,
      locationRef: plainLocationRef,
      clock,
    });
  /** Records a run of a provider that emitted these entities. */
  const emit = (providerId: string, entities: readonly EmittedEntity[] = []) =>
    store.recordRun(providerId, providerName(providerId), toBatches(entities));

  /** Puts an entity into the catalog. */
  async function hold(
    entityRef: string,
    locationKey: string | null,
    rest: { readonly source?: string; readonly resultHash?: string } = {},
  ): Promise<void> {
    const annotations = { 'backstage.io/managed-by-location': rest.source ?? 'x:y' };
    await knex('refresh_state')
      .insert({
        entity_id: entityRef,
        entity_ref: entityRef,
        unprocessed_entity: JSON.stringify({ metadata: { annotations } }),
        unprocessed_hash: '',
        result_hash: rest.resultHash ?? 'as it was',
        errors: '',
        location_key: locationKey,
        next_update_at: knex.fn.now(),
        last_discovery_at: knex.fn.now(),
      })
      .onConflict('entity_ref')
      .merge();
  }
  const holdFile = (at: string, locationKey: string, resultHash?: string) =>
    hold(plainLocationRef(target(at)), locationKey, {
      source: urlKey(at),
      ...(resultHash && { resultHash }),
    });
  const register = (at: string) =>
    knex('locations').insert({
      id: randomUUID(),
      type: 'url',
      target: target(at),
      location_entity_ref: plainLocationRef(target(at)),
    });
  const names = async () =>
    (await store.load()).map(conflict => conflict.entityRef).sort();
  const count = async () => (await knex('bitbucket_server_discovery_conflicts')).length;

  describe('about the entities that a provider emitted', () => {
    it('are not reported when the catalog has accepted the entity, has none, or would accept it', async () => {
      await holdFile('PAY/api', A);
      await hold(plainLocationRef(target('PAY/web')), null);

      await emit('a', ['PAY/api', 'PAY/web', 'PAY/new'].map(given));

      expect(await store.load()).toEqual([]);
    });

    it.each(['\0', '\ud800'])(
      'are stored without characters that a database refuses (%j)',
      async bad => {
        const entityRef = 'component:default/a\ufffdpi';
        await hold(entityRef, B);

        await emit('a', [
          {
            entityRef: `component:default/a${bad}pi`,
            targetUrl: `${target('PAY/api')}?${bad}`,
            isLocation: true,
          },
          given('PAY/web'),
        ]);

        const refusedOne = { locationKey: A, targetUrl: `${target('PAY/api')}?\ufffd` };
        expect(await store.load()).toEqual([
          expect.objectContaining({ entityRef, refused: refusedOne }),
        ]);
      },
    );

    it.each([
      ['another provider', B],
      ['a registered location', urlKey('PAY/api')],
      ['another module', 'github-provider:x'],
    ])('name %s as the holder', async (_, holder) => {
      await holdFile('PAY/api', holder);

      await emit('a', [given('PAY/api')]);

      expect(await store.load()).toEqual([
        {
          kind: 'location',
          entityRef: plainLocationRef(target('PAY/api')),
          refused: { locationKey: A, targetUrl: target('PAY/api') },
          holder: { locationKey: holder, targetUrl: target('PAY/api') },
        },
      ]);
    });

    it('name the other file when a location parser emitted the same entity for it', async () => {
      await hold('component:default/api', B, { source: urlKey('PAY/web') });
      const parsed = {
        entityRef: 'component:default/api',
        targetUrl: target('PAY/api'),
        isLocation: false,
      };
      await register('PAY/api');

      await emit('a', [parsed]);

      expect(await store.load()).toMatchObject([
        {
          refused: { locationKey: A, targetUrl: target('PAY/api') },
          holder: { locationKey: B, targetUrl: target('PAY/web') },
        },
      ]);
    });

    it('name the other registered location until it is unregistered', async () => {
      await holdFile('PAY/api', A);
      await register('PAY/api');

      await emit('a', [given('PAY/api')]);

      expect(await store.load()).toMatchObject([
        { refused: { locationKey: urlKey('PAY/api') }, holder: { locationKey: A } },
      ]);
      await knex('locations').delete();
      expect(await store.load()).toEqual([]);
    });

    it('are replaced by those of the next run, separately for each provider', async () => {
      await holdFile('PAY/api', 'x');
      await holdFile('PAY/web', 'x');
      await emit('a', ['PAY/api', 'PAY/web'].map(given));
      await emit('b', [given('PAY/api')]);
      expect(await store.load()).toHaveLength(3);

      await emit('a', [given('PAY/web')]);

      expect(
        (await store.load()).map(conflict => conflict.refused.locationKey).sort(),
      ).toEqual([A, B]);
    });

    it('are not reported for a provider that is no longer configured', async () => {
      await holdFile('PAY/api', A);
      await emit('b', [given('PAY/api')]);
      expect(await store.load()).toHaveLength(1);

      expect(await createStore(new Map([[A, 'a']])).load()).toEqual([]);
    });

    it.each([[null], ['not JSON'], ['{}'], ['[{"entityRef":1}]']])(
      'are empty when the stored value is %s, until the next run',
      async conflicts => {
        await holdFile('PAY/api', 'x');
        await knex('bitbucket_server_discovery_providers').update({ conflicts });

        expect(await store.load()).toEqual([]);

        await emit('a', [given('PAY/api')]);
        expect(await store.load()).toHaveLength(1);
      },
    );

    it.each<[string, () => Promise<void>]>([
      [
        'the holder has released it',
        async () => void (await knex('refresh_state').delete()),
      ],
      ['the catalog has accepted it', () => holdFile('PAY/api', A)],
      ['a third source has it', () => holdFile('PAY/api', 'y')],
    ])('are no longer shown once %s', async (_, change) => {
      await holdFile('PAY/api', 'x');
      await emit('a', [given('PAY/api')]);
      expect(await store.load()).toHaveLength(1);

      await change();

      expect(await store.load()).toEqual([]);
    });

    it('are detected among any number of files, and stored up to a limit', async () => {
      const slugs = Array.from(
        { length: MAX_LOCATION_CONFLICTS + 1 },
        (_, i) => `PAY/r${i}`,
      );
      const rows = slugs.map(at => ({
        entity_id: at,
        entity_ref: given(at).entityRef,
        unprocessed_entity: '{}',
        unprocessed_hash: '',
        errors: '',
        location_key: 'x',
        next_update_at: knex.fn.now(),
        last_discovery_at: knex.fn.now(),
      }));
      await knex.batchInsert('refresh_state', rows, 50);

      await emit('a', slugs.map(given));

      expect(await store.load()).toHaveLength(MAX_LOCATION_CONFLICTS);
    });
  });

  describe('about the entities of a file', () => {
    beforeEach(async () => {
      await holdFile('PAY/fork', A);
      await hold('component:default/api', urlKey('PAY/api'), {
        source: urlKey('PAY/api'),
      });
      await knex('refresh_state_references').insert({
        source_entity_ref: plainLocationRef(target('PAY/fork')),
        target_entity_ref: API.entity_ref,
      });
    });
    const record = (holderKey = urlKey('PAY/api')) =>
      store.recordRefused([refused('api', 'PAY/fork', holderKey)]);

    it('name both files', async () => {
      await record();

      expect(await store.load()).toEqual([
        {
          kind: 'entity',
          entityRef: 'component:default/api',
          refused: { locationKey: urlKey('PAY/fork'), targetUrl: target('PAY/fork') },
          holder: { locationKey: urlKey('PAY/api'), targetUrl: target('PAY/api') },
        },
      ]);
    });

    it.each(['\0', '\ud800'])(
      'are stored without characters that a database refuses (%j)',
      async bad => {
        await store.recordRefused([
          refused(`b${bad}`, 'PAY/fork', urlKey('PAY/api')),
          refused('c', 'PAY/fork', `x${bad}`),
          { ...refused('d', 'PAY/fork', A), targetUrl: `${target('PAY/fork')}?${bad}` },
        ]);

        const kept = await knex('bitbucket_server_discovery_conflicts')
          .orderBy('entity_ref')
          .select('entity_ref', 'holder_key', 'refused_target');
        const row = { holder_key: urlKey('PAY/api'), refused_target: target('PAY/fork') };
        expect(kept).toEqual([
          { ...row, entity_ref: 'component:default/b\ufffd' },
          { ...row, entity_ref: 'component:default/c', holder_key: 'x\ufffd' },
          {
            entity_ref: 'component:default/d',
            holder_key: A,
            refused_target: `${target('PAY/fork')}?\ufffd`,
          },
        ]);
      },
    );

    it('are stored once, however often the catalog reports them', async () => {
      await record();
      await record();
      await store.recordRefused(
        [1, 2].map(() => refused('api', 'PAY/fork', urlKey('PAY/api'))),
      );

      expect(await store.load()).toHaveLength(1);
    });

    it('name the URL that an entity provider has read the entity from', async () => {
      await hold('component:default/api', 'org-provider', { source: 'url:https://x/y' });

      await record('org-provider');

      expect(await store.load()).toMatchObject([
        { holder: { locationKey: 'org-provider', targetUrl: 'https://x/y' } },
      ]);
    });

    it.each<[string, () => Promise<unknown>, string]>([
      ['the file that was refused', async () => undefined, urlKey('PAY/api')],
      [
        'the file that has it',
        async () => {
          await holdFile('PAY/fork', 'x');
          await holdFile('PAY/api', B);
        },
        urlKey('PAY/api'),
      ],
      [
        'an entity from a location parser',
        async () => {
          await holdFile('PAY/fork', 'x');
          await hold('component:default/api', B);
        },
        B,
      ],
      [
        'a file that the catalog has from another source',
        async () => {
          await holdFile('PAY/fork', 'x');
          await emit('a', [given('PAY/fork')]);
        },
        urlKey('PAY/api'),
      ],
    ])(
      'are stored when a provider of this module emitted %s',
      async (_, change, holderKey) => {
        await change();

        await record(holderKey);

        expect(await names()).toContain('component:default/api');
      },
    );

    it('are not stored when no provider of this module emitted either side', async () => {
      await holdFile('PAY/fork', 'x');

      await record();

      expect(await count()).toBe(0);
    });

    it('name the current holder when it has changed', async () => {
      await record();

      await hold('component:default/api', urlKey('PAY/other'));

      expect(await store.load()).toMatchObject([
        {
          refused: { targetUrl: target('PAY/fork') },
          holder: { locationKey: urlKey('PAY/other'), targetUrl: target('PAY/other') },
        },
      ]);
      expect(await store.findReleased()).toEqual(NOTHING_RELEASED);
    });

    it.each<[string, () => Promise<unknown>]>([
      ['is gone', () => knex('refresh_state').where(API).delete()],
      ['has no location key', () => hold(API.entity_ref, null)],
    ])('name the former holder while the entity %s', async (_, change) => {
      await record();
      expect(await store.findReleased()).toEqual(NOTHING_RELEASED);

      await change();

      expect(await store.load()).toMatchObject([
        { isReleased: true, holder: { targetUrl: target('PAY/api') } },
      ]);
      expect(await store.findReleased()).toEqual({
        released: [
          { entityRef: API.entity_ref, targetUrl: target('PAY/fork'), locationKey: A },
        ],
        areMoreToCome: false,
      });
      await emit('b');
      expect(await count()).toBe(1);
    });

    it('are about to be released when nothing claims the entity any more', async () => {
      await record();

      await knex('refresh_state_references').delete();

      expect(await store.findReleased()).toEqual({ released: [], areMoreToCome: true });
    });

    it.each<[string, () => Promise<unknown>]>([
      ['the catalog has accepted it', () => hold(API.entity_ref, urlKey('PAY/fork'))],
      ['the file is gone', () => knex('refresh_state').where('location_key', A).delete()],
      [
        'the file has other content in the catalog',
        () => holdFile('PAY/fork', A, 'something else'),
      ],
    ])('are no longer shown once %s, and then deleted', async (_, change) => {
      await record();

      await change();

      expect(await store.load()).toEqual([]);
      expect(await store.findReleased()).toEqual(NOTHING_RELEASED);
      await emit('b');
      expect(await count()).toBe(0);
    });

    it('are shown again when the catalog reports them again', async () => {
      await record();
      await holdFile('PAY/fork', A, 'something else');

      await record();

      expect(await names()).toEqual(['component:default/api']);
    });

    it('stay when the catalog reports them again while they are being deleted', async () => {
      await record();
      await holdFile('PAY/fork', A, 'something else');
      async function* sayAgain() {
        await record();
        yield [];
      }

      await store.recordRun('b', B, sayAgain());

      expect(await names()).toEqual(['component:default/api']);
    });

    it('are skipped when a row cannot be read', async () => {
      await record();
      await knex('bitbucket_server_discovery_conflicts').insert({
        conflict_hash: 'x',
        kind: 'entity',
        entity_ref: 'component:default/x',
        refused_key: 'x',
        holder_key: 'x',
        seen_at_ms: NOW,
      });

      expect(await names()).toEqual(['component:default/api']);
    });

    it('stay after a run without other results', async () => {
      await record();

      await emit('a', [given('PAY/fork')]);

      expect(await names()).toEqual(['component:default/api']);
    });

    it('are stored up to a limit, the most recent ones', async () => {
      const many = (from: number) =>
        Array.from({ length: MAX_ENTITY_CONFLICTS }, (_, i) =>
          refused(`c${from + i}`, 'PAY/fork', urlKey('PAY/api')),
        );

      await store.recordRefused(many(0));
      await clock.advance(1_000);
      await store.recordRefused(many(900));

      const kept = await knex('bitbucket_server_discovery_conflicts').select(
        'entity_ref',
      );
      const expected = many(900).map(entity => entity.entityRef);
      expect(kept.map(row => row.entity_ref).sort()).toEqual(expected.sort());
    });
  });

  it('cannot be read without the tables of the catalog', async () => {
    await knex.schema.renameTable('refresh_state', 'away');
    const record = store.recordRefused([refused('a', 'PAY/b', urlKey('PAY/c'))]);

    // A driver's error need not be an Error of this test's realm.
    await expect(record).rejects.toMatchObject({
      message: expect.stringContaining('refresh_state'),
    });

    await knex.schema.renameTable('away', 'refresh_state');
  });
});
