/** The simulated Bitbucket of the work tree on a socket, with the content for the checks. */

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
// Enables `require` for TypeScript.
require('@backstage/cli-node/config/nodeTransform.cjs');
const { createSimulatedBitbucket, serve } = require('../../dev/simulatedBitbucket');

/** The repositories that have a catalog file from the beginning. */
export const SERVICES = ['checkout', 'invoices', 'ledger'];
/** The repository that gets its catalog file by a push. */
export const PUSHED_SERVICE = 'refunds';

const PROJECT = 'PAY';
const CATALOG_FILE = 'catalog-info.yaml';

function componentYaml(name) {
  return `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: ${name}
spec:
  type: service
  lifecycle: production
  owner: guests
`;
}

/**
 * Starts a separate server for one backend.
 *
 * @returns its URL, the environment variables with its secrets, and a function to push
 */
export async function startBitbucket() {
  const secrets = {
    BITBUCKET_USERNAME: 'discovery',
    BITBUCKET_PASSWORD: randomBytes(16).toString('hex'),
    BITBUCKET_WEBHOOK_SECRET: randomBytes(16).toString('hex'),
  };
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: secrets.BITBUCKET_USERNAME, password: secrets.BITBUCKET_PASSWORD }],
  });
  bitbucket.addProject({ key: PROJECT, name: 'Payments' });
  for (const slug of SERVICES) {
    const files = { [CATALOG_FILE]: componentYaml(slug) };
    bitbucket.addRepository({ projectKey: PROJECT, slug, files });
  }
  const files = { 'README.md': 'No catalog file yet.\n' };
  bitbucket.addRepository({ projectKey: PROJECT, slug: PUSHED_SERVICE, files });
  const served = await serve(bitbucket);

  return {
    secrets,
    host: new URL(served.url).host,
    apiBaseUrl: bitbucket.apiBaseUrl,
    close: () => served.close(),
    /** Adds the missing catalog file. @returns Bitbucket's signed webhook about it */
    push() {
      const yaml = componentYaml(PUSHED_SERVICE);
      const change = bitbucket.writeFile(PROJECT, PUSHED_SERVICE, CATALOG_FILE, yaml);
      return bitbucket.webhook(
        'repo:refs_changed',
        { projectKey: PROJECT, slug: PUSHED_SERVICE, changes: [change] },
        { secret: secrets.BITBUCKET_WEBHOOK_SECRET },
      );
    },
  };
}
