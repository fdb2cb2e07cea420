/**
 * Backstage catalog entity provider for Bitbucket Server and Bitbucket Data Center.
 *
 * @packageDocumentation
 */

export { catalogModuleBitbucketServerEntityProvider as default } from './module';
export { BitbucketServerClient } from './api/BitbucketServerClient';
export { BitbucketServerEntityProvider } from './api/BitbucketServerEntityProvider';
export { bitbucketServerEntityProviderExtensionPoint } from './api/locationParser';
export type {
  BitbucketServerEntityProviderExtensionPoint,
  BitbucketServerLocationParser,
  BitbucketServerLocationParserOptions,
} from './api/locationParser';
export type {
  BitbucketServerDefaultBranch,
  BitbucketServerListOptions,
  BitbucketServerPagedResponse,
  BitbucketServerProject,
  BitbucketServerProviderConfig,
  BitbucketServerRepository,
} from './api/types';
