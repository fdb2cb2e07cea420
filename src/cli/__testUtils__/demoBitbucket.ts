/** The services of the demo, in which every outcome occurs, in a simulated Bitbucket. For tests. */

import { seed } from '../../../dev/seed';
import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../../dev/simulatedBitbucket';
import { TEST_USER } from '../../__testUtils__/testProvider';

/** Of the provider: with them every exclusion of the demo applies. It has no code search. */
export const DEMO_PROVIDER = {
  search: 'off',
  catalogPath: '/catalog-info.yaml',
  filters: {
    exclude: { repoSlug: '^sandbox-' },
    skipArchivedRepos: true,
    skipForkedRepos: true,
  },
};

/** Makes one, with the test user who may see all of it. */
export function createDemoBitbucket(
  options: SimulatedBitbucketOptions = {},
): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], ...options });
  seed(bitbucket);
  return bitbucket;
}
