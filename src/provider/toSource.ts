/** Where the engine gets repositories and files from: the client, and the location parser. */

import { RestClient } from '../bitbucket/RestClient';
import { RepositorySource } from '../discovery/types';
import { FileParser } from './ProviderContext';

/**
 * Joins a client and what makes entities of the files it finds.
 *
 * @param parseFiles - left out where the catalog reads the files itself
 */
export function toSource(
  client: RestClient,
  parseFiles: FileParser | undefined,
): RepositorySource {
  return {
    listRepositories: options => client.listRepositories(options),
    listProjects: options => client.listProjects(options),
    listProjectRepositories: (projectKey, options) =>
      client.listProjectRepositories(projectKey, options),
    getRepository: (address, options) => client.getRepository(address, options),
    findFile: (address, path, options) => client.findFile(address, path, options),
    listFiles: (address, options) => client.listFiles(address, options),
    listLabeled: (label, options) => client.listLabeled(label, options),
    getLabels: (address, options) => client.getLabels(address, options),
    fileUrl: (repository, path, branch) => client.fileUrl(repository, path, branch),
    ...(parseFiles && {
      parseFiles: (repository, files, options) =>
        parseFiles(client, repository, files, options),
    }),
  };
}
