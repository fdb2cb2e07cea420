/** Tells the person at the terminal what was discovered and what to try next. */

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { SimulatedBitbucket } from './simulatedBitbucket';

const LONGEST_WAIT_MS = 90_000;
const POLL_MS = 500;
/** No request for so long: the run and the catalog's own reads are done. */
const QUIET_MS = 4_000;
const SHOWN = 5;

const Entities = z.array(z.object({ metadata: z.object({ name: z.string() }) }));

/** Waits until the catalog has read what was discovered, then prints it. */
export async function announce(
  baseUrl: string,
  bitbucket: SimulatedBitbucket,
  controlUrl: string,
): Promise<void> {
  await readsAreDone(bitbucket);
  const names = await listComponents(baseUrl);
  // eslint-disable-next-line no-console -- for the person at the terminal, not a log
  console.log(describe(baseUrl, controlUrl, names));
}

/** Watches the simulated Bitbucket rather than the catalog, whose log it would fill. */
async function readsAreDone(bitbucket: SimulatedBitbucket): Promise<void> {
  let seen = 0;
  let quietMs = 0;
  for (let waitedMs = 0; waitedMs < LONGEST_WAIT_MS; waitedMs += POLL_MS) {
    await sleep(POLL_MS);
    const requests = bitbucket.requests.length;
    quietMs = requests === seen ? quietMs + POLL_MS : 0;
    seen = requests;
    const wasRead = bitbucket.requests.some(request => request.path.includes('/raw/'));
    if (wasRead && quietMs >= QUIET_MS) {
      return;
    }
  }
}

async function listComponents(baseUrl: string): Promise<string[]> {
  const response = await fetch(`${baseUrl}/api/catalog/entities?filter=kind=component`);
  const entities = response.ok ? Entities.safeParse(await response.json()) : undefined;
  return entities?.success ? entities.data.map(one => one.metadata.name) : [];
}

function describe(baseUrl: string, controlUrl: string, names: readonly string[]): string {
  const examples = names.slice(0, SHOWN).join(', ');
  return [
    '',
    `${names.length} Components were discovered and read from the simulated Bitbucket: ${examples}, …`,
    '',
    'Try this next, in another terminal:',
    '',
    '  # what is in the catalog',
    `  curl -s '${baseUrl}/api/catalog/entities?filter=kind=component'`,
    '',
    '  # the discovery itself, as the catalog shows it',
    `  curl -s '${baseUrl}/api/catalog/entities/by-name/location/default/bitbucket-server-default'`,
    '',
    '  # push a catalog file; Bitbucket tells Backstage with a signed webhook, and seconds later:',
    `  curl -s -X POST '${controlUrl}/push/PAY/pay-service-1'`,
    `  curl -s '${baseUrl}/api/catalog/entities/by-name/component/default/pay-service-1'`,
    '',
    '  # why a repository is not in the catalog',
    `  curl -s '${baseUrl}/api/catalog/bitbucket-server/discoveries/default/repositories/PAY/sandbox-tests'`,
    '',
    '  # how the last run went',
    `  curl -s '${baseUrl}/api/catalog/bitbucket-server/discoveries'`,
    '',
    '  # the same on the command line, without touching the catalog',
    '  npm run -s discovery -- preview --config dev/app-config.yaml',
    '',
    '  # run discovery now: refresh the entity that stands for it',
    `  curl -s -X POST -H 'Content-Type: application/json' -d '{"entityRef":"location:default/bitbucket-server-default"}' '${baseUrl}/api/catalog/refresh'`,
    '',
    '  # what the simulated Bitbucket holds',
    "  curl -s -u backstage:local-demo-only 'http://localhost:7990/rest/api/1.0/repos?limit=5'",
    '',
  ].join('\n');
}
