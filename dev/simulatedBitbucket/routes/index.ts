/** The table of all routes the simulator serves. */
import { branchRoutes } from './branches';
import { contentRoutes } from './content';
import { listingRoutes } from './listings';
import { projectWebhookRoutes } from './projectWebhooks';
import type { Route } from './route';
import { serverRoutes } from './server';

/** In the order in which they are tried. */
export const routes: readonly Route[] = [
  ...contentRoutes,
  ...listingRoutes,
  ...branchRoutes,
  ...projectWebhookRoutes,
  ...serverRoutes,
];
