/** The catalog's service for SCM events, which is alpha: nothing else imports it. */

import {
  CatalogScmEvent,
  CatalogScmEventsService,
  catalogScmEventsServiceRef,
} from '@backstage/plugin-catalog-node/alpha';

export { catalogScmEventsServiceRef as scmEventsServiceRef };
/** What is published. */
export type ScmEvent = CatalogScmEvent;
/** Publishes it. */
export type ScmEvents = Pick<CatalogScmEventsService, 'publish'>;
