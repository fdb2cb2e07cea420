/** An in-memory catalog connection that records its mutations. For tests. */

import {
  DeferredEntity,
  EntityProviderConnection,
  EntityProviderMutation,
} from '@backstage/plugin-catalog-node';
import { stringifyEntityRef } from '@backstage/catalog-model';

/** A connection that tests can inspect. */
export interface RecordingConnection extends EntityProviderConnection {
  /** Every mutation, oldest first. */
  readonly mutations: readonly EntityProviderMutation[];
  /** The provider's current entities, by entity ref. */
  readonly held: ReadonlyMap<string, DeferredEntity>;
  /** Targets of the current Locations, sorted; the anchor has none. */
  targets(): string[];
}

/** Creates an empty connection. */
export function createRecordingConnection(): RecordingConnection {
  const mutations: EntityProviderMutation[] = [];
  const held = new Map<string, DeferredEntity>();
  const toRef = (deferred: DeferredEntity) => stringifyEntityRef(deferred.entity);
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
        mutation.entities.forEach(entity => held.set(toRef(entity), entity));
        return;
      }
      mutation.added.forEach(entity => held.set(toRef(entity), entity));
      mutation.removed.forEach(removed =>
        held.delete('entity' in removed ? toRef(removed) : removed.entityRef),
      );
    },
    async refresh() {},
  };
}
