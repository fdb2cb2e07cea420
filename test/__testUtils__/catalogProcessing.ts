/**
 * Has the catalog of a backend in this process go through its entities when a test wants it to,
 * with its own loop, and counts that. For tests.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Knex } from 'knex';
import { z } from 'zod';
import { eventually } from '../../src/__testUtils__/eventually';

/** From `scripts/jest-eager-task-pipeline.js`. */
const CHANNEL = 'catalog-tasks';

const Task = z.object({
  kind: z.enum(['processing', 'stitching']),
  entityRef: z.string(),
  done: z.custom<Promise<void>>(value => value instanceof Promise),
});

const Row = z.object({ entity_ref: z.string() });

/** Earlier than any refresh. */
const LONG_AGO = '2016-01-01';

/** The result of {@link observeProcessing}. */
export interface CatalogProcessing {
  /** Makes the catalog process every entity this many times, and then stitch all of them. */
  process(database: Knex, times: number): Promise<void>;
  /** How often the catalog has begun to process an entity. */
  countOf(entityRef: string): number;
  /** Stops observing. */
  end(): void;
}

/** @param maxWaitMs - the time limit in milliseconds; by default that of `eventually` */
export function observeProcessing(maxWaitMs?: number): CatalogProcessing {
  const counts = new Map<string, number>();
  /** By entity, the latest round in which a finished processing began. */
  const processedIn = new Map<string, number>();
  let round = 0;
  const onTask = (message: unknown) => {
    const { done, entityRef, kind } = Task.parse(message);
    if (kind === 'stitching') return;
    counts.set(entityRef, (counts.get(entityRef) ?? 0) + 1);
    const begunIn = round;
    const end = () => {
      processedIn.set(entityRef, Math.max(begunIn, processedIn.get(entityRef) ?? 0));
    };
    void done.then(end, end);
  };
  subscribe(CHANNEL, onTask);
  const processOnce = async (database: Knex) => {
    round += 1;
    await database('refresh_state').update({ next_update_at: LONG_AGO });
    await eventually(async () => {
      const waiting = (await readRefs(database, 'refresh_state')).filter(
        ref => (processedIn.get(ref) ?? 0) < round,
      );
      expect(waiting).toEqual([]);
    }, maxWaitMs);
  };
  return {
    async process(database, times) {
      for (let count = 0; count < times; count += 1) {
        await processOnce(database);
      }
      await eventually(
        async () => expect(await readRefs(database, 'stitch_queue')).toEqual([]),
        maxWaitMs,
      );
    },
    countOf: entityRef => counts.get(entityRef) ?? 0,
    end: () => void unsubscribe(CHANNEL, onTask),
  };
}

async function readRefs(database: Knex, table: string): Promise<string[]> {
  const rows: unknown[] = await database(table).select('entity_ref');
  return rows.map(row => Row.parse(row).entity_ref);
}
