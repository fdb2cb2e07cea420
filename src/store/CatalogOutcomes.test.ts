import type { Knex } from 'knex';
import {
  clearCatalogTables,
  createCatalogTables,
  insertIntoCatalog,
  locationRow,
} from '../__testUtils__/catalogTables';
import { target } from '../__testUtils__/discoveryData';
import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { plainLocationRef, providerName } from '../provider/locationEntities';
import { sha256 } from '../util/text';
import { CatalogOutcomes, EntityOutcome } from './CatalogOutcomes';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { formatEtag, shortHash } from './readEtag';

const databases = createTestDatabases();

const PROVIDER = providerName('default');
const FILE = plainLocationRef(target('PAY/api'));
const BROKEN = { name: 'InputError', message: 'it is broken' };
const UNREADABLE = {
  name: 'Error',
  message: `Unable to read url, ${target('PAY/api')} could not be read, 503`,
};

async function collect(batches: AsyncIterable<EntityOutcome[]>) {
  const all: EntityOutcome[] = [];
  for await (const batch of batches) {
    all.push(...batch);
  }
  return all.sort((outcome, other) => (outcome.entityRef < other.entityRef ? -1 : 1));
}

describe.each(databases.eachSupportedId())('the catalog outcomes in %s', databaseId => {
  let knex: Knex;
  let catalog: CatalogOutcomes;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await createCatalogTables(knex);
    catalog = new CatalogOutcomes(new DiscoveryDatabase(asDatabaseService(knex)));
  });
  beforeEach(() => clearCatalogTables(knex));

  const outcomes = (...refs: string[]) => collect(catalog.of(refs));
  const errors = () => collect(catalog.readErrors(PROVIDER));
  const unreadable = async () => [...(await catalog.unreadableTargets(PROVIDER))];

  it('contain the entities of a file, whether or not they are in the final entities', async () => {
    await insertIntoCatalog(knex, [
      locationRow(target('PAY/api')),
      { ref: 'component:default/api', parent: FILE },
      { ref: 'api:default/api', parent: FILE, isShown: false, errors: [BROKEN] },
      { ref: 'component:default/other' },
    ]);

    const common = { rootRef: FILE, isRoot: false, isShown: true, errors: [] };
    expect(await outcomes(FILE, FILE, 'location:default/none')).toEqual([
      {
        ...common,
        entityRef: 'api:default/api',
        isShown: false,
        errors: ['InputError: it is broken'],
      },
      { ...common, entityRef: 'component:default/api' },
      { ...common, entityRef: FILE, isRoot: true },
    ]);
  });

  it('also contain the entities of files that the file names, even when these name each other', async () => {
    await insertIntoCatalog(knex, [
      locationRow(target('PAY/api')),
      { ref: 'location:default/a', parent: FILE },
      { ref: 'location:default/b', parent: 'location:default/a' },
      { ref: 'component:default/deep', parent: 'location:default/b' },
    ]);
    await knex('refresh_state_references').insert({
      source_entity_ref: 'location:default/b',
      target_entity_ref: 'location:default/a',
    });

    const refs = new Set((await outcomes(FILE)).map(outcome => outcome.entityRef));

    expect([...refs].sort()).toEqual([
      'component:default/deep',
      'location:default/a',
      'location:default/b',
      FILE,
    ]);
  });

  it('are complete for a large number of entities', async () => {
    const many = Array.from({ length: 6_000 }, (_, index) => ({
      ref: `component:default/c${index}`,
      parent: plainLocationRef(target(index < 3_000 ? 'PAY/api' : 'PAY/web')),
    }));
    await insertIntoCatalog(knex, [
      locationRow(target('PAY/api')),
      locationRow(target('PAY/web')),
      ...many,
    ]);

    const all = await outcomes(FILE, plainLocationRef(target('PAY/web')));

    expect(new Set(all.map(outcome => outcome.entityRef)).size).toBe(6_002);
  });

  it('contain when files were read successfully, whatever their content', async () => {
    const url = (slug: string) => target(`PAY/${slug}`);
    const etag = (slug: string, rest = {}) =>
      formatEtag({
        ...{ urlHash: shortHash(sha256(url(slug))), stamp: 'a', readAtMs: 7 },
        ...{ content: '0123456789abcdef', ...rest },
      });
    const caches = {
      read: etag('read'),
      absent: etag('absent', { content: 'absent' }),
      moved: etag('read'),
      foreign: 'W/"1"',
      none: undefined,
    };
    for (const [slug, tag] of Object.entries(caches)) {
      const value = [{ text: `"${etag(slug, { readAtMs: 9 })}"`.repeat(100) }];
      const item = JSON.stringify({ 'url-reader': { v1: { etag: tag, value } } });
      await insertIntoCatalog(knex, [locationRow(url(slug))]);
      await knex('refresh_state')
        .where('entity_ref', plainLocationRef(url(slug)))
        .update({ cache: tag === undefined ? null : item });
    }
    const slugs = [...Object.keys(caches), 'unknown'];
    const refs = new Map(slugs.map(slug => [plainLocationRef(url(slug)), url(slug)]));
    expect(await catalog.lastReads(refs)).toEqual(new Map([[url('read'), 7]]));
    expect(await catalog.lastReads(new Map())).toEqual(new Map());
  });

  it('contain no errors when the error column cannot be read', async () => {
    await insertIntoCatalog(knex, [locationRow(target('PAY/api'))]);
    for (const text of ['', '{', '{}', '["x"]']) {
      await knex('refresh_state').update({ errors: text });

      expect(await outcomes(FILE)).toMatchObject([{ errors: [] }]);
    }
  });

  it('contain the errors of one provider, each with its file', async () => {
    const other = plainLocationRef(target('SHOP/web'));
    await insertIntoCatalog(knex, [
      locationRow(target('PAY/api'), { errors: [UNREADABLE, BROKEN] }),
      { ref: 'component:default/api', parent: FILE, errors: [BROKEN], isShown: false },
      { ref: 'component:default/fine', parent: FILE },
      locationRow(target('SHOP/web'), { errors: [BROKEN] }, 'other'),
      { ref: 'component:default/web', parent: other, errors: [BROKEN] },
    ]);

    expect(await errors()).toMatchObject([
      { rootRef: FILE, entityRef: 'component:default/api', isRoot: false },
      {
        rootRef: FILE,
        entityRef: FILE,
        isRoot: true,
        errors: [`Error: ${UNREADABLE.message}`, 'InputError: it is broken'],
      },
    ]);
  });

  it('contain the errors of entities from files that another file names', async () => {
    await insertIntoCatalog(knex, [
      locationRow(target('PAY/api')),
      { ref: 'location:default/a', parent: FILE },
      { ref: 'location:default/b', parent: 'location:default/a' },
      { ref: 'component:default/deep', parent: 'location:default/b', errors: [BROKEN] },
    ]);

    expect(await errors()).toMatchObject([
      { rootRef: FILE, entityRef: 'component:default/deep' },
    ]);
  });

  it('name the files that the catalog could not read, and no others', async () => {
    await insertIntoCatalog(knex, [
      locationRow(target('PAY/api'), { errors: [BROKEN, UNREADABLE] }),
      { ref: 'location:default/nested', parent: FILE, errors: [UNREADABLE] },
      locationRow(target('PAY/web'), { errors: [BROKEN] }),
      locationRow(target('PAY/fine')),
      locationRow(target('SHOP/web'), { errors: [UNREADABLE] }, 'other'),
    ]);

    expect(await unreadable()).toEqual([target('PAY/api')]);
  });

  it('are read with a bounded number of queries', async () => {
    const slugs = Array.from({ length: 1_500 }, (_, index) => `PAY/r${index}`);
    await insertIntoCatalog(
      knex,
      slugs.flatMap((at, index) => [
        locationRow(target(at), { errors: index % 100 === 0 ? [UNREADABLE] : [] }),
        {
          ref: `component:default/r${index}`,
          parent: plainLocationRef(target(at)),
          errors: index % 50 === 0 ? [BROKEN] : [],
        },
      ]),
    );
    let questions = 0;
    const count = () => {
      questions += 1;
    };
    knex.on('query', count);

    const found = await errors();
    const asked = questions;
    const targets = await unreadable();

    knex.off('query', count);
    expect(found).toHaveLength(45);
    expect(targets).toHaveLength(15);
    // Two pages of names; per 500 names or more, the failed entities and two levels of their children.
    expect(asked).toBe(2 + (databaseId === 'SQLITE_3' ? 3 : 1) * 3);
    expect(questions - asked).toBe(2 + 2 + 2);
  });

  it('cannot be read when the tables have another shape', async () => {
    await knex.schema.renameTable('refresh_state', 'away');
    try {
      // An error from SQLite may belong to the realm of another test file, so jest does not see it as an Error.
      const message = expect.stringContaining('refresh_state');
      await expect(outcomes(FILE)).rejects.toMatchObject({ message });
      await expect(unreadable()).rejects.toMatchObject({ message });
    } finally {
      await knex.schema.renameTable('away', 'refresh_state');
    }
  });
});
