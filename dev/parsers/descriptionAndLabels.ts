/**
 * A location parser that reads the catalog file itself and adds data from Bitbucket: the
 * repository's description, where the file has none, and its labels as tags.
 *
 * The catalog no longer reads the file itself: its entities are as current as the last run
 * or webhook.
 */

import { createBackendModule } from '@backstage/backend-plugin-api';
import { Entity } from '@backstage/catalog-model';
import { parseEntityYaml } from '@backstage/plugin-catalog-node';
import {
  bitbucketServerEntityProviderExtensionPoint,
  BitbucketServerLocationParser,
} from '../../src';

export const parseAndAdd: BitbucketServerLocationParser = async function* parse({
  branch,
  client,
  location,
  path,
  repository,
}) {
  const address = { projectKey: repository.project.key, repo: repository.slug };
  const file = await client.getFile({ ...address, path, branch });
  if (!file.ok) {
    throw new Error(`Bitbucket answered ${file.status} to ${path}`);
  }
  const labels = await client.getLabels(address);
  for (const result of parseEntityYaml(await file.text(), location)) {
    if (result.type === 'error') {
      throw result.error;
    }
    if (result.type === 'entity') {
      yield withFacts(result.entity, repository.description, labels);
    }
  }
};

function withFacts(entity: Entity, description: string, labels: string[]): Entity {
  const { metadata } = entity;
  const tags = [...new Set([...(metadata.tags ?? []), ...labels])].sort();
  return {
    ...entity,
    metadata: {
      ...metadata,
      ...(description && !metadata.description && { description }),
      ...(tags.length > 0 && { tags }),
    },
  };
}

export default createBackendModule({
  pluginId: 'catalog',
  moduleId: 'bitbucket-server-description-and-labels',
  register(env) {
    env.registerInit({
      deps: { bitbucketServer: bitbucketServerEntityProviderExtensionPoint },
      async init({ bitbucketServer }) {
        bitbucketServer.setLocationParser(parseAndAdd);
      },
    });
  },
});
