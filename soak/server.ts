/** The behaviour of the Bitbucket of a world. */

import fc from 'fast-check';
import type { SimulatedBitbucketOptions } from '../dev/simulatedBitbucket';

/** The options of a server, besides its clock, users and content. */
export type ServerSettings = Pick<
  SimulatedBitbucketOptions,
  | 'pageCaps'
  | 'hiddenRows'
  | 'followsMoves'
  | 'emptyRepositories'
  | 'rateLimit'
  | 'userHeaders'
  | 'search'
> & { readonly baseUrl: string };

/** Draws a server. */
export const serverSettings: fc.Arbitrary<ServerSettings> = fc.record({
  baseUrl: fc.constantFrom(
    'https://bitbucket.test',
    'http://bitbucket.test:7990/bitbucket',
  ),
  pageCaps: fc.constantFrom({}, { repositories: 2, projects: 1, files: 1, labels: 1 }),
  hiddenRows: fc.constantFrom('skipped', 'short-page'),
  followsMoves: fc.boolean(),
  emptyRepositories: fc.constantFrom(
    'EmptyRepositoryException',
    'NoDefaultBranchException',
  ),
  rateLimit: fc.constantFrom(undefined, undefined, { capacity: 10, fillRate: 5 }),
  userHeaders: fc.constantFrom(true, true, false),
  search: fc.constantFrom(undefined, {}),
});
