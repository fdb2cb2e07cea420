/** Shows the discovered entities on the terminal, with suggestions for what to try next. */

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { quote } from '../src/util/text';
import { BROKEN } from './seed';
import type { SimulatedBitbucket } from './simulatedBitbucket';

const MAX_WAIT_MS = 90_000;
const POLL_MS = 500;
/** Time without a request after which the run and the catalog's own reads are done. */
const QUIET_MS = 4_000;

const Facets = z.object({
  facets: z.object({ kind: z.array(z.object({ value: z.string(), count: z.number() })) }),
});

const Broken = z.object({
  catalog: z.object({ errors: z.array(z.object({ message: z.string() })) }),
});

/** The addresses of the parts of the demo. */
export interface Demo {
  readonly backstageUrl: string;
  readonly bitbucket: SimulatedBitbucket;
  /** The URL for requesting pushes. */
  readonly controlUrl: string;
  /** Prefix of a command that reads the demo's configuration; may be empty. */
  readonly env: string;
}

/** Waits until the catalog has read the discovered files, then prints the result. */
export async function announce(demo: Demo): Promise<void> {
  const { backstageUrl } = demo;
  await readsAreDone(demo.bitbucket);
  const found = { kinds: await countKinds(backstageUrl) };
  // eslint-disable-next-line no-console -- for the person at the terminal, not a log
  console.log(describe(demo, { ...found, mistake: await explainBroken(backstageUrl) }));
}

/** Polls the simulated Bitbucket rather than the catalog, whose log that would fill. */
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

/** @returns texts such as `45 Component` */
async function countKinds(baseUrl: string): Promise<string[]> {
  const response = await fetch(`${baseUrl}/api/catalog/entity-facets?facet=kind`);
  const counted = response.ok ? Facets.safeParse(await response.json()) : undefined;
  const kinds = counted?.data?.facets.kind ?? [];
  return kinds.map(({ value, count }) => `${count} ${value}`);
}

const getReportUrl = (baseUrl: string) =>
  `${baseUrl}/api/catalog/bitbucket-server/discoveries/default/repositories`;

/** @returns the report's message about the file with a mistake */
async function explainBroken(baseUrl: string): Promise<string> {
  const response = await fetch(
    `${getReportUrl(baseUrl)}/${BROKEN.projectKey}/${BROKEN.slug}`,
  );
  const report = response.ok ? Broken.safeParse(await response.json()) : undefined;
  const [error] = report?.data?.catalog.errors ?? [];
  return error ? quote(error.message) : 'The catalog has not reported it yet.';
}

/** The entities in the catalog, and the mistake that it reports. */
interface Found {
  /** For example `45 Component`. */
  readonly kinds: readonly string[];
  /** The error of the broken file. */
  readonly mistake: string;
}

/** Returns commands to copy; each works unchanged. */
export function describe(
  { backstageUrl, bitbucket, controlUrl, env }: Demo,
  { kinds, mistake }: Found,
): string {
  const broken = `${BROKEN.projectKey}/${BROKEN.slug}`;
  const repositories = getReportUrl(backstageUrl);
  const discovery = `${env}npm run -s discovery -- preview --config dev/app-config.yaml`;
  return [
    '',
    `In the catalog, discovered in the simulated Bitbucket: ${kinds.join(', ')}.`,
    `The file of ${broken} was found, too, but the catalog cannot use it: ${mistake}`,
    '',
    'Try this next, in another terminal, in this folder:',
    '',
    '  # why a repository is, or is not, in the catalog',
    `  ${discovery} --explain PAY/invoice-service`,
    `  ${discovery} --explain PAY/sandbox-tests`,
    `  ${discovery} --explain ${broken} --against ${backstageUrl}`,
    '',
    '  # all of them, without touching the catalog; then as a page for the browser',
    `  ${discovery}`,
    `  ${discovery} --html preview.html`,
    '',
    '  # push a catalog file: Bitbucket sends a signed webhook to Backstage, and seconds later:',
    `  curl -s -X POST '${controlUrl}/push/PAY/pay-service-1'`,
    `  curl -s '${backstageUrl}/api/catalog/entities/by-name/component/default/pay-service-1'`,
    '',
    '  # run discovery now: refresh the entity that represents it (no output, but the log shows the run)',
    `  curl -s -X POST -H 'Content-Type: application/json' -d '{"entityRef":"location:default/bitbucket-server-default"}' '${backstageUrl}/api/catalog/refresh'`,
    '',
    '  # the result of the last run, and the same explanations over HTTP',
    `  curl -s '${backstageUrl}/api/catalog/bitbucket-server/discoveries'`,
    `  curl -s '${repositories}/PAY/sandbox-tests'`,
    '',
    '  # what is in the catalog',
    `  curl -s '${backstageUrl}/api/catalog/entities?filter=kind=component'`,
    '',
    '  # the repositories of the simulated Bitbucket',
    `  curl -s -u backstage:local-demo-only '${bitbucket.baseUrl}/rest/api/1.0/repos?limit=5'`,
    '',
    'Ctrl-C ends the demo.',
    '',
  ].join('\n');
}
