/** Which of the entities that a provider gave are somebody else's, or registered as well. */

import type { Knex } from 'knex';
import { RecordedConflict } from './describeConflicts';
import { readHeldByOthers, readRegisteredUrls, readStates } from '../store/catalogState';
import { GivenEntity } from './ConflictStore';

/** @param locationKey - of the provider */
export async function findGivenConflicts(
  knex: Knex,
  locationKey: string,
  given: readonly GivenEntity[],
): Promise<RecordedConflict[]> {
  return [
    ...(await findRefused(knex, locationKey, given)),
    ...(await findRegistered(knex, locationKey, given)),
  ];
}

async function findRefused(
  knex: Knex,
  locationKey: string,
  given: readonly GivenEntity[],
): Promise<RecordedConflict[]> {
  const byRef = new Map(given.map(one => [one.entityRef, one]));
  const held = await readHeldByOthers(knex, [...byRef.keys()], locationKey);
  return held.flatMap((state): RecordedConflict[] => {
    const own = byRef.get(state.entityRef);
    return own && state.locationKey !== undefined
      ? [
          {
            kind: 'location',
            entityRef: state.entityRef,
            refused: { locationKey, targetUrl: own.targetUrl },
            holder: {
              locationKey: state.locationKey,
              targetUrl: state.sourceUrl ?? own.targetUrl,
            },
          },
        ]
      : [];
  });
}

/** The catalog has it from the provider and keeps what was registered by hand in a list only. */
async function findRegistered(
  knex: Knex,
  locationKey: string,
  given: readonly GivenEntity[],
): Promise<RecordedConflict[]> {
  const locations = given.filter(one => one.isLocation);
  const registered = await readRegisteredUrls(
    knex,
    locations.map(one => one.targetUrl),
  );
  const both = locations.filter(one => registered.has(one.targetUrl));
  const states = await readStates(
    knex,
    both.map(one => one.entityRef),
  );
  return both
    .filter(one => states.get(one.entityRef)?.locationKey === locationKey)
    .map(({ entityRef, targetUrl }) => ({
      kind: 'location',
      entityRef,
      refused: { locationKey: `url:${targetUrl}`, targetUrl },
      holder: { locationKey, targetUrl },
    }));
}
