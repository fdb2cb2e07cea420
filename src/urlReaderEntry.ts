/**
 * Reads files of Bitbucket Server and Bitbucket Data Center for all of Backstage.
 *
 * @packageDocumentation
 */

export { bitbucketServerUrlReader as default } from './reading/urlReaderFeature';
