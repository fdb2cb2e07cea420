/** A real Backstage backend with the real catalog, for tests of the module as a whole. */

import { BackendFeature } from '@backstage/backend-plugin-api';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import { Entity } from '@backstage/catalog-model';
import catalogPlugin from '@backstage/plugin-catalog-backend';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { eventually } from './eventually';

const EntityList = z.array(z.custom<Entity>(value => typeof value === 'object'));

/** A started backend. */
export interface TestBackend {
  /** Such as `http://localhost:12345`. */
  readonly baseUrl: string;
  /** What the catalog lists, by the API that users use. */
  entities(filter: string): Promise<Entity[]>;
  /** Waits until the catalog lists so many, and returns them. */
  waitForEntities(filter: string, count: number): Promise<Entity[]>;
  stop(): Promise<void>;
}

/** Starts the catalog with the given modules; rejects when the backend refuses to start. */
export async function startCatalogBackend(
  config: JsonObject,
  ...modules: BackendFeature[]
): Promise<TestBackend> {
  const backend = await startTestBackend({
    features: [
      catalogPlugin,
      ...modules,
      mockServices.rootConfig.factory({ data: config }),
    ],
  });
  const baseUrl = `http://localhost:${backend.server.port()}`;
  const entities = async (filter: string) => {
    const response = await fetch(
      `${baseUrl}/api/catalog/entities?filter=${encodeURIComponent(filter)}`,
    );
    return EntityList.parse(await response.json());
  };
  return {
    baseUrl,
    entities,
    waitForEntities: (filter, count) =>
      eventually(async () => {
        const found = await entities(filter);
        if (found.length !== count) {
          throw new Error(`${found.length} entities match ${filter}, not ${count}`);
        }
        return found;
      }),
    stop: () => backend.stop(),
  };
}
