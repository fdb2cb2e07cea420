/** The catalog as the provider sees it: takes mutations, and refuses some on demand. */

import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { DeferredEntity } from '@backstage/plugin-catalog-node';
import {
  createRecordingConnection,
  RecordingConnection,
} from '../src/__testUtils__/recordingConnection';
import { Door } from './Door';

/** What a catalog that is out of order answers. */
export class CatalogRefused extends Error {
  override name = 'CatalogRefused';
}

/** What one mutation has changed. */
export interface CatalogChange {
  readonly type: 'full' | 'delta';
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
  /** Entity refs of a full mutation, as it names them. */
  readonly refs: readonly string[];
}

/** What one provider has in the catalog, whichever process tells it. */
export class CatalogView {
  readonly #inner: RecordingConnection = createRecordingConnection();
  readonly #onChange: (change: CatalogChange) => void;
  /** Mutations to be refused, each before or after it has taken effect. */
  readonly #refusals: ('before' | 'after')[] = [];
  /** Complete pictures given so far. */
  fullMutations = 0;
  /** Mutations that were refused so far. */
  refused = 0;

  constructor(onChange: (change: CatalogChange) => void) {
    this.#onChange = onChange;
  }

  /** Has the next mutation fail. */
  refuseNext(when: 'before' | 'after'): void {
    this.#refusals.push(when);
  }

  refuseNothing(): void {
    this.#refusals.length = 0;
  }

  /** Targets of the Locations. */
  targets(): Set<string> {
    return new Set(this.#inner.targets());
  }

  get entities(): readonly DeferredEntity[] {
    return [...this.#inner.held.values()];
  }

  /** The connection of one process. */
  connectionFor(door: Door): EntityProviderConnection {
    return {
      applyMutation: mutation =>
        door.pass(async () => {
          const refusal = this.#refusals.shift();
          this.refused += refusal ? 1 : 0;
          if (refusal === 'before') {
            throw new CatalogRefused('the catalog takes nothing');
          }
          const before = this.targets();
          await this.#inner.applyMutation(mutation);
          const isFull = mutation.type === 'full';
          this.fullMutations += isFull ? 1 : 0;
          const given = isFull ? mutation.entities : mutation.added;
          this.#onChange({
            type: mutation.type,
            before,
            after: this.targets(),
            refs: given.map(({ entity }) => entity.metadata.name),
          });
          if (refusal === 'after') {
            throw new CatalogRefused('the catalog does not answer');
          }
        }),
      refresh: request => door.pass(() => this.#inner.refresh(request)),
    };
  }
}
