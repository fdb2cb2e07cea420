/** The catalog as the provider sees it: accepts mutations, and refuses some on demand. */

import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { DeferredEntity } from '@backstage/plugin-catalog-node';
import {
  createRecordingConnection,
  RecordingConnection,
} from '../src/__testUtils__/recordingConnection';
import { Door } from './Door';

/** The error of a catalog that is out of order. */
export class CatalogRefused extends Error {
  override name = 'CatalogRefused';
}

/** The change by one mutation. */
export interface CatalogChange {
  readonly type: 'full' | 'delta';
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
  /** Entity refs of a full mutation, as it names them. */
  readonly refs: readonly string[];
}

/** The entities of one provider in the catalog, whichever process emits them. */
export class CatalogView {
  readonly #inner: RecordingConnection = createRecordingConnection();
  readonly #onChange: (change: CatalogChange) => void;
  /** The next mutations to refuse, each before or after it has taken effect. */
  readonly #refusals: ('before' | 'after')[] = [];
  /** The number of full mutations so far. */
  fullMutations = 0;
  /** The number of refused mutations so far. */
  refused = 0;

  constructor(onChange: (change: CatalogChange) => void) {
    this.#onChange = onChange;
  }

  /** Makes the next mutation fail. */
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
            throw new CatalogRefused('the catalog refuses the mutation');
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
