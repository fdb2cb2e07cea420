/** What a custom location parser is, and how a backend module installs one. */

import { createExtensionPoint, LoggerService } from '@backstage/backend-plugin-api';
import { Entity } from '@backstage/catalog-model';
import { LocationSpec } from '@backstage/plugin-catalog-common';
import { BitbucketServerClient } from './BitbucketServerClient';
import { BitbucketServerProviderConfig, BitbucketServerRepository } from './types';

/**
 * What a location parser is given for one catalog file.
 *
 * @public
 */
export interface BitbucketServerLocationParserOptions {
  /** The repository, as the listing has just shown it: without its clone URLs. */
  repository: BitbucketServerRepository;
  /** Short name of the configured branch; `undefined` for the default branch. */
  branch: string | undefined;
  /**
   * The catalog file, from the repository root, without a leading slash. It exists, unless
   * `validateLocationsExist` is off.
   */
  path: string;
  /** The same file: type `url`, presence `optional`, as the published module gives it. */
  location: LocationSpec;
  /** Of the provider that found the file. */
  config: BitbucketServerProviderConfig;
  /** Asks the same Bitbucket with the provider's credentials, at the provider's pace. */
  client: BitbucketServerClient;
  /** Its lines carry provider, project key and repository slug. */
  logger: LoggerService;
}

/**
 * Makes entities of a catalog file, in place of the Location by which the catalog reads it:
 * an async generator that yields none, one or several of them.
 *
 * @remarks What it leaves out is filled in: the annotations `backstage.io/managed-by-location`
 * and `backstage.io/managed-by-origin-location` (the file), `bitbucket.org/project-key` and
 * `bitbucket.org/repo-slug`. What is not yielded any more is removed from the catalog, like
 * a file that is gone. A parser that throws makes that one repository `unknown`, with the
 * reason `parser-failed`, and the catalog keeps what it has. It has five minutes for one
 * repository.
 *
 * @public
 */
export type BitbucketServerLocationParser = (
  options: BitbucketServerLocationParserOptions,
) => AsyncIterable<Entity>;

/**
 * Where other backend modules change what this one does.
 *
 * @public
 */
export interface BitbucketServerEntityProviderExtensionPoint {
  /**
   * Sets the location parser of all providers; its `config` tells them apart.
   *
   * @throws Error when there is one already
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
