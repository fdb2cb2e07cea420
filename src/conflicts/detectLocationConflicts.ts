/** Which of the entities that a provider emitted are somebody else's, or registered as well. */

import type { Knex } from 'knex';
import { readRegisteredUrls, readStates } from '../store/catalogState';
import { RecordedConflict } from './describeConflicts';

/** Kept of one provider; people look through no more. */
export const MAX_LOCATION_CONFLICTS = 1_000;

/** What a provider gave the catalog. */
export interface EmittedEntity {
  readonly entityRef: string;
  /** The URL of the file it comes from. */
  readonly targetUrl: string;
  /** It is a Location, whose file the catalog reads: others may have registered the same. */
  readonly isLocation: boolean;
}

/** Finds the first of them. */
export async function detectLocationConflicts(
  knex: Knex,
  locationKey: string,
  emitted: AsyncIterable<readonly EmittedEntity[]>,
): Promise<RecordedConflict[]> {
  const found: RecordedConflict[] = [];
  for await (const batch of emitted) {
    found.push(...(await detectAmong(knex, locationKey, batch)));
    if (found.length >= MAX_LOCATION_CONFLICTS) {
      break;
    }
  }
  return found.slice(0, MAX_LOCATION_CONFLICTS);
}

async function detectAmong(
  knex: Knex,
  locationKey: string,
  emitted: readonly EmittedEntity[],
): Promise<RecordedConflict[]> {
  const states = await readStates(
    knex,
    emitted.map(one => one.entityRef),
    { heldByOthersThan: locationKey },
  );
  const registered = await readRegisteredUrls(
    knex,
    emitted.flatMap(one => (one.isLocation ? one.targetUrl : [])),
  );
  return emitted.flatMap(({ entityRef, isLocation, targetUrl }): RecordedConflict[] => {
    const own = { locationKey, targetUrl };
    const other = states.get(entityRef);
    if (other?.locationKey !== undefined) {
      const { locationKey: holderKey, sourceUrl = targetUrl } = other;
      const holder = { locationKey: holderKey, targetUrl: sourceUrl };
      return [{ kind: 'location', entityRef, refused: own, holder }];
    }
    // The catalog has it from the provider and keeps what was registered in a list only.
    const refused = { locationKey: `url:${targetUrl}`, targetUrl };
    return isLocation && registered.has(targetUrl)
      ? [{ kind: 'location', entityRef, refused, holder: own }]
      : [];
  });
}
