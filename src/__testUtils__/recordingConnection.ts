/** A catalog connection that works in memory and remembers what it was told. For tests. */

import {
  DeferredEntity,
  EntityProviderConnection,
  EntityProviderMutation,
} from '@backstage/plugin-catalog-node';
import { stringifyEntityRef } from '@backstage/catalog-model';

/** A connection to look into. */
export interface RecordingConnection extends EntityProviderConnection {
  /** Every mutation, oldest first. */
  readonly mutations: readonly EntityProviderMutation[];
  /** What the provider has in the catalog now, by entity ref. */
  readonly held: ReadonlyMap<string, DeferredEntity>;
  /** Targets of the Locations held now, sorted; the anchor has none. */
  targets(): string[];
}

/** Makes an empty one. */
export function createRecordingConnection(): RecordingConnection {
  const mutations: EntityProviderMutation[] = [];
  const held = new Map<string, DeferredEntity>();
  const refOf = (deferred: DeferredEntity) => stringifyEntityRef(deferred.entity);
  return {
    mutations,
    held,
    targets: () =>
      [...held.values()]
        .flatMap(({ entity }) => {
          const target = entity.spec?.target;
          return typeof target === 'string' ? [target] : [];
        })
        .sort(),
    async applyMutation(mutation) {
      mutations.push(mutation);
      if (mutation.type === 'full') {
        held.clear();
        mutation.entities.forEach(one => held.set(refOf(one), one));
        return;
      }
      mutation.added.forEach(one => held.set(refOf(one), one));
      mutation.removed.forEach(one =>
        held.delete('entity' in one ? refOf(one) : one.entityRef),
      );
    },
    async refresh() {},
  };
}
