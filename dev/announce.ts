/** Tells the person at the terminal what was discovered and what to try next. */

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BROKEN } from './seed';
import type { SimulatedBitbucket } from './simulatedBitbucket';

const MAX_WAIT_MS = 90_000;
const POLL_MS = 500;
/** No request for so long: the run and the catalog's own reads are done. */
const QUIET_MS = 4_000;

const Facets = z.object({
  facets: z.object({ kind: z.array(z.object({ value: z.string(), count: z.number() })) }),
});

const Broken = z.object({
  catalog: z.object({ errors: z.array(z.object({ message: z.string() })) }),
});

/** Waits until the catalog has read what was discovered, then prints it. */
export async function announce(
  baseUrl: string,
  bitbucket: SimulatedBitbucket,
  controlUrl: string,
): Promise<void> {
  await readsAreDone(bitbucket);
  const kinds = await countKinds(baseUrl);
  // eslint-disable-next-line no-console -- for the person at the terminal, not a log
  console.log(describe(baseUrl, controlUrl, kinds, await explainBroken(baseUrl)));
}

/** Watches the simulated Bitbucket rather than the catalog, whose log it would fill. */
async function readsAreDone(bitbucket: SimulatedBitbucket): Promise<void> {
  let seen = 0;
  let quietMs = 0;
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += POLL_MS) {
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

/** @returns such as `45 Component` */
async function countKinds(baseUrl: string): Promise<string[]> {
  const response = await fetch(`${baseUrl}/api/catalog/entity-facets?facet=kind`);
  const counted = response.ok ? Facets.safeParse(await response.json()) : undefined;
  const kinds = counted?.data?.facets.kind ?? [];
  return kinds.map(({ value, count }) => `${count} ${value}`);
}

const getReportUrl = (baseUrl: string) =>
  `${baseUrl}/api/catalog/bitbucket-server/discoveries/default/repositories`;

/** @returns what the report says of the file with a mistake */
async function explainBroken(baseUrl: string): Promise<string> {
  const response = await fetch(
    `${getReportUrl(baseUrl)}/${BROKEN.projectKey}/${BROKEN.slug}`,
  );
  const report = response.ok ? Broken.safeParse(await response.json()) : undefined;
  return report?.data?.catalog.errors[0]?.message ?? 'The catalog has not told it yet.';
}

function describe(
  baseUrl: string,
  controlUrl: string,
  kinds: readonly string[],
  explanation: string,
): string {
  const broken = `${BROKEN.projectKey}/${BROKEN.slug}`;
  const repositories = getReportUrl(baseUrl);
  return [
    '',
    `In the catalog, discovered in the simulated Bitbucket: ${kinds.join(', ')}.`,
    `The file of ${broken} was found, too, and the report says what is wrong with it: ${explanation}`,
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
    `  curl -s '${repositories}/PAY/sandbox-tests'`,
    `  curl -s '${repositories}/${broken}'`,
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
