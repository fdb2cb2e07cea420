/**
 * Receives and authenticates the webhooks of Bitbucket Server and Bitbucket Data Center.
 *
 * @packageDocumentation
 */

export { eventsModuleBitbucketServerWebhooks as default } from './events/eventsModule';
