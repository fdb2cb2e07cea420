/** The catalog's own tables, which other versions and other modules write too. */

import fc from 'fast-check';
import type { Knex } from 'knex';
import { createCatalogTables, locationRow } from '../__testUtils__/catalogTables';
import { target } from '../__testUtils__/discoveryData';
import {
  expectNoPollution,
  FUZZ_RUNS,
  arbitraryMutation,
} from '../__testUtils__/hostileData';
import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { providerName } from '../provider/locationEntities';
import { storableText } from '../util/text';
import { CatalogOutcomes } from './CatalogOutcomes';
import { readSourceUrls } from './catalogState';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { formatEtag } from './readEtag';

const databases = createTestDatabases();
let knex: Knex;

const ROWS_PER_RUN = 20;
const PROVIDER = providerName('default');
const UNREADABLE = {
  name: 'Error',
  message: `Unable to read url, ${target('PAY/api')} could not be read, 503`,
};
const ETAG = formatEtag({
  urlHash: '0123456789abcdef',
  stamp: 'stamp',
  readAtMs: 1_000,
  content: 'absent',
});

/** JSON that is damaged somewhere, or cut off. */
function jsonLike(valid: unknown): fc.Arbitrary<string> {
  const text = JSON.stringify(valid);
  return fc.oneof(
    { weight: 4, arbitrary: arbitraryMutation(valid).map(toText) },
    { weight: 1, arbitrary: fc.nat(text.length).map(end => text.slice(0, end)) },
  );
}

/** A value that is nested too deeply to be written as JSON is cut off. */
function toText(value: unknown): string {
  try {
    return storableText(JSON.stringify(value) ?? '');
  } catch {
    return '['.repeat(20_000);
  }
}

const columns = fc.record({
  unprocessed_entity: jsonLike(locationRow(target('PAY/api')).entity),
  errors: jsonLike([UNREADABLE]),
  cache: jsonLike({ url: { etag: ETAG, value: [] } }),
});

/** All that is read of the rows of entities. */
async function readAll(refs: readonly string[]) {
  const catalog = new CatalogOutcomes(new DiscoveryDatabase(asDatabaseService(knex)));
  const states = await catalog.given(refs);
  const outcomes = [];
  for await (const batch of catalog.of(refs)) {
    outcomes.push(...batch);
  }
  const unreadable = await catalog.unreadableTargets(PROVIDER);
  const reads = await catalog.lastReads(
    new Map(refs.map(ref => [ref, target('PAY/api')])),
  );
  const sources: string[] = [];
  for (const ref of refs) {
    sources.push(...(await readSourceUrls(knex, ref)));
  }
  return { states, outcomes, unreadable, reads, sources };
}

beforeAll(async () => {
  knex = await databases.init('SQLITE_3');
  await createCatalogTables(knex);
});

it("the store reads every row of the catalog's tables, with whatever JSON in its columns", async () => {
  const rows = fc.array(columns, { minLength: ROWS_PER_RUN, maxLength: ROWS_PER_RUN });
  await fc.assert(
    fc.asyncProperty(rows, async damaged => {
      const refs = damaged.map((_, index) => `location:default/${index}`);
      await knex('refresh_state_references').delete();
      await knex('refresh_state').delete();
      await knex('refresh_state').insert(
        damaged.map((row, index) => ({
          entity_id: `${index}`,
          entity_ref: `location:default/${index}`,
          unprocessed_hash: '',
          next_update_at: '2100-01-01 00:00:00',
          last_discovery_at: '2100-01-01 00:00:00',
          ...row,
        })),
      );
      await knex('refresh_state_references').insert(
        refs.map(ref => ({ source_key: PROVIDER, target_entity_ref: ref })),
      );

      const { outcomes, reads, sources, states, unreadable } = await readAll(refs);

      expect([...states.keys()].sort()).toEqual([...refs].sort());
      expect(outcomes).toHaveLength(refs.length);
      const urls = [...states.values()].map(({ sourceUrl }) => sourceUrl ?? '');
      const texts = [...urls, ...unreadable, ...sources];
      expect(texts.filter(text => typeof text !== 'string')).toEqual([]);
      expect(reads.size).toBe(0);
      expectNoPollution();
    }),
    { numRuns: Math.ceil(FUZZ_RUNS / ROWS_PER_RUN) },
  );
});
