/** A simulated Bitbucket with the services of the demo, in which every outcome occurs. For tests. */

import { seed } from '../../../dev/seed';
import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../../dev/simulatedBitbucket';
import { TEST_USER } from '../../__testUtils__/testProvider';

/** The configuration of a provider to which every exclusion of the demo applies. */
export const DEMO_PROVIDER = {
  search: 'off',
  catalogPath: '/catalog-info.yaml',
  filters: {
    exclude: { repoSlug: '^sandbox-' },
    skipArchivedRepos: true,
    skipForkedRepos: true,
  },
};

/** Creates the demo, with the test user, who may see everything. */
export function createDemoBitbucket(
  options: SimulatedBitbucketOptions = {},
): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], ...options });
  seed(bitbucket);
  return bitbucket;
}
