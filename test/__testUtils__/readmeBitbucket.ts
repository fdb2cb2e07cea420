/** The simulated Bitbucket that the examples of the README are about. For tests. */

import { componentYaml } from '../../dev/seed';
import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { EXAMPLE_ENV, EXAMPLE_HOST } from './readmeText';

/** Projects, slugs and files with a catalog file. */
const SERVICES = [
  ['PAY', 'invoice-service', 'catalog-info.yaml'],
  ['BILLING', 'ledger', 'catalog-info.yaml'],
  ['SHOP', 'monorepo', 'services/cart/catalog-info.yaml'],
] as const;

/** Makes one, with the account of the examples, which may see all of it. */
export function createReadmeBitbucket(): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({
    baseUrl: `https://${EXAMPLE_HOST}`,
    users: [
      {
        name: EXAMPLE_ENV.BITBUCKET_USERNAME ?? '',
        password: EXAMPLE_ENV.BITBUCKET_PASSWORD,
        token: EXAMPLE_ENV.BITBUCKET_TOKEN,
      },
    ],
    rateLimit: { capacity: 60, fillRate: 5, settingsReadable: true },
  });
  for (const [projectKey, slug, file] of SERVICES) {
    const files = { [file]: componentYaml(slug, 'a service') };
    bitbucket.addRepository({ projectKey, slug, files });
  }
  bitbucket.addRepository({ projectKey: 'SHOP', slug: 'no-file' });
  bitbucket.addRepository({
    projectKey: 'SHOP',
    slug: 'being-imported',
    state: 'INITIALISING',
  });
  return bitbucket;
}

/** The body and headers of the webhook for a push to the default branch of `PAY/invoice-service`. */
export function pushToInvoiceService(bitbucket: SimulatedBitbucket, secret?: string) {
  const [projectKey, slug] = ['PAY', 'invoice-service'];
  const content = componentYaml(slug, 'pushed just now');
  const change = bitbucket.writeFile(projectKey, slug, 'catalog-info.yaml', content);
  const details = { projectKey, slug, changes: [change] };
  return bitbucket.webhook('repo:refs_changed', details, { secret });
}
