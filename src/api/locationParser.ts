/** Types of custom location parsers, and the extension point through which a module sets one. */

import { createExtensionPoint, LoggerService } from '@backstage/backend-plugin-api';
import { Entity } from '@backstage/catalog-model';
import { LocationSpec } from '@backstage/plugin-catalog-common';
import { BitbucketServerClient } from './BitbucketServerClient';
import { BitbucketServerProviderConfig, BitbucketServerRepository } from './types';

/**
 * Options of a location parser for one catalog file.
 *
 * @public
 */
export interface BitbucketServerLocationParserOptions {
  /** The repository as just listed, without its clone URLs. */
  repository: BitbucketServerRepository;
  /** Short name of the configured branch; `undefined` for the default branch. */
  branch: string | undefined;
  /**
   * Path of the catalog file from the repository root, without a leading slash. The file exists,
   * unless `validateLocationsExist` is off.
   */
  path: string;
  /** The same file as a location: type `url`, presence `optional`, as in the published module. */
  location: LocationSpec;
  /** Configuration of the provider that found the file. */
  config: BitbucketServerProviderConfig;
  /** Client for the same Bitbucket, with the provider's credentials and rate limit. */
  client: BitbucketServerClient;
  /** Logger whose lines contain provider, project key and repository slug. */
  logger: LoggerService;
}

/**
 * Converts a catalog file to entities, in place of the Location through which the catalog reads
 * it: an async generator that yields any number of them.
 *
 * @remarks Missing annotations are added: `backstage.io/managed-by-location` and
 * `backstage.io/managed-by-origin-location` (the file), `bitbucket.org/project-key` and
 * `bitbucket.org/repo-slug`. Entities that are no longer yielded are removed from the catalog,
 * like a file that is gone. If a parser throws, that one repository is `unknown` with the
 * reason `parser-failed`, and the catalog keeps its entities. A parser has five minutes for
 * one repository.
 *
 * @public
 */
export type BitbucketServerLocationParser = (
  options: BitbucketServerLocationParserOptions,
) => AsyncIterable<Entity>;

/**
 * Extension point through which other backend modules customize this one.
 *
 * @public
 */
export interface BitbucketServerEntityProviderExtensionPoint {
  /**
   * Sets the location parser of all providers; the option `config` identifies the provider.
   *
   * @throws Error if a parser is already set
   */
  setLocationParser(parser: BitbucketServerLocationParser): void;
}

/**
 * Lets a module of the `catalog` plugin set a location parser.
 *
 * @public
 */
export const bitbucketServerEntityProviderExtensionPoint =
  createExtensionPoint<BitbucketServerEntityProviderExtensionPoint>({
    id: 'catalog.bitbucketServerEntityProvider',
  });
