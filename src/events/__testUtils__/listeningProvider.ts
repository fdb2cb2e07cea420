/** A provider connected to a recording catalog, with short names of files. For tests. */

import { DeferredEntity } from '@backstage/plugin-catalog-node';
import {
  createRecordingConnection,
  RecordingConnection,
} from '../../__testUtils__/recordingConnection';
import { CreatedProvider } from '../../provider/createProviders';

export const CATALOG_FILE = 'catalog-info.yaml';

/** A provider with the mutations and refreshes that it sent to the catalog. */
export interface ListeningProvider extends CreatedProvider {
  readonly connection: RecordingConnection;
  /** Files that the catalog was requested to read again, by short name. */
  readonly refreshed: string[];
  /** Mutations since `forget`, as short names. */
  readonly mutations: ShortMutation[];
  /** Files in the catalog, by short name. */
  holds(): string[];
}

/** A mutation, with `PAY/api` for a catalog file and `PAY/api other.yaml` for any other. */
export interface ShortMutation {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Connects a provider. */
export async function listen(created: CreatedProvider): Promise<ListeningProvider> {
  const refreshed: string[] = [];
  const mutations: ShortMutation[] = [];
  const inner = createRecordingConnection();
  const connection: RecordingConnection = {
    ...inner,
    refresh: async ({ keys }) => void refreshed.push(...keys.map(nameOfTarget)),
    applyMutation: async mutation => {
      if (mutation.type === 'delta') {
        const added = mutation.added.flatMap(toTargets).map(nameOfTarget);
        const removed = mutation.removed.flatMap(toTargets).map(nameOfTarget);
        mutations.push({ added, removed });
      }
      await inner.applyMutation(mutation);
    },
  };
  await created.provider.connect(connection);
  const holds = () => connection.targets().map(nameOfTarget);
  return { ...created, connection, refreshed, mutations, holds };
}

function toTargets(given: DeferredEntity | { entityRef: string }): string[] {
  const target = 'entity' in given ? given.entity.spec?.target : undefined;
  return typeof target === 'string' ? [target] : [];
}

/** Converts a target on the simulated server to a short name. */
export function nameOfTarget(target: string): string {
  const [, key = '', slug = '', rest = ''] =
    /\/(?:projects|users)\/([^/]+)\/repos\/([^/]+)\/browse\/(.*)$/.exec(target) ?? [];
  return rest === CATALOG_FILE ? `${key}/${slug}` : `${key}/${slug} ${rest}`;
}
