/**
 * A location parser that puts every repository into the catalog: the entities of its catalog
 * file where it has one, and otherwise a Component from Bitbucket's data about it.
 *
 * It needs `validateLocationsExist: false`, so that it is also called for repositories without
 * a catalog file.
 */

// In your own backend, both come from 'backstage-plugin-catalog-backend-module-bitbucket-server'.
import {
  bitbucketServerEntityProviderExtensionPoint,
  BitbucketServerLocationParser,
} from '../../src';
import { createBackendModule } from '@backstage/backend-plugin-api';
import { locationSpecToLocationEntity } from '@backstage/plugin-catalog-node';

export const parseMetadata: BitbucketServerLocationParser = async function* parse({
  branch,
  client,
  location,
  path,
  repository,
}) {
  const { project, slug } = repository;
  const address = { projectKey: project.key, repo: slug };
  const file = await client.getFile({ ...address, path, branch });
  if (file.ok) {
    yield locationSpecToLocationEntity({ location });
  } else if (file.status === 404) {
    yield {
      apiVersion: 'backstage.io/v1alpha1',
      kind: 'Component',
      metadata: {
        name: toName(`${project.key}-${slug}`),
        title: repository.name,
        ...(repository.description && { description: repository.description }),
      },
      spec: { type: 'service', lifecycle: 'unknown', owner: toName(project.key) },
    };
  } else {
    throw new Error(`Bitbucket answered ${file.status} to ${path}`);
  }
};

/** Names have at most 63 characters, without the `~` with which personal project keys begin. */
function toName(text: string): string {
  return text.toLowerCase().replace(/^\W+/, '').slice(0, 63).replace(/\W+$/, '');
}

export default createBackendModule({
  pluginId: 'catalog',
  moduleId: 'bitbucket-server-repository-metadata',
  register(env) {
    env.registerInit({
      deps: { bitbucketServer: bitbucketServerEntityProviderExtensionPoint },
      async init({ bitbucketServer }) {
        bitbucketServer.setLocationParser(parseMetadata);
      },
    });
  },
});
