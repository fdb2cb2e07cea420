/**
 * Backstage catalog entity provider for Bitbucket Server and Bitbucket Data Center.
 *
 * @packageDocumentation
 */

export { catalogModuleBitbucketServerEntityProvider as default } from './module';
export { BitbucketServerEntityProvider } from './provider/BitbucketServerEntityProvider';
export { BitbucketServerClient } from './bitbucket/BitbucketServerClient';
