/** The simulated Bitbucket of one cell, and the count of its requests. */

import { componentYaml } from '../dev/seed';
import {
  createSimulatedBitbucket,
  LoggedRequest,
  SimulatedBitbucket,
  WebhookRequest,
} from '../dev/simulatedBitbucket';
import { getPace, RequestCounts } from './measurement';
import { Cell, Disturbance, FILE_EVERY, REPOSITORIES_PER_PROJECT } from './plan';

/** The account of both modules. */
export const USER = { name: 'backstage', password: 'only-for-the-benchmark' };

/** Creates the server of a cell with its content and its disturbance. */
export function createCellServer(cell: Cell): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({
    users: [USER],
    latencyMs: cell.latencyMs,
    rateLimit: cell.bucket && { ...cell.bucket, settingsReadable: cell.bucket.isShown },
    search: cell.hasSearch ? {} : undefined,
  });
  for (let index = 0; index < cell.repositories; index += 1) {
    addRepository(bitbucket, index);
  }
  if (cell.disturbance) {
    DISTURB[cell.disturbance](bitbucket);
  }
  return bitbucket;
}

function addRepository(bitbucket: SimulatedBitbucket, index: number): void {
  const slug = toSlug(index);
  const file = componentYaml(slug, `Service number ${index}`);
  bitbucket.addRepository({
    projectKey: toProjectKey(index),
    slug,
    files: {
      'README.md': `# ${slug}\n`,
      ...(index % FILE_EVERY === 0 && { 'catalog-info.yaml': file }),
    },
  });
}

/** Renames one repository in a hundred. */
export function changeSome(bitbucket: SimulatedBitbucket, repositories: number): void {
  for (let index = 0; index < repositories; index += 100) {
    const slug = toSlug(index);
    bitbucket.renameRepository(toProjectKey(index), slug, `${slug}-renamed`);
  }
}

/** Pushes to the default branch of a repository. @returns the webhook of the push */
export function pushTo(
  bitbucket: SimulatedBitbucket,
  index: number,
  secret: string,
): WebhookRequest {
  const [projectKey, slug] = [toProjectKey(index), toSlug(index)];
  const text = `# ${slug}\n\nPushed at ${Date.now()}.\n`;
  const changes = [bitbucket.writeFile(projectKey, slug, 'README.md', text)];
  return bitbucket.webhook(
    'repo:refs_changed',
    { projectKey, slug, changes },
    { secret },
  );
}

function toProjectKey(index: number): string {
  return `P${Math.floor(index / REPOSITORIES_PER_PROJECT)}`;
}

function toSlug(index: number): string {
  return `service-${index}`;
}

/** A repository with a catalog file in the middle of the listing. */
const DISTURBED_INDEX = 100;

const DISTURB: Readonly<Record<Disturbance, (bitbucket: SimulatedBitbucket) => void>> = {
  'empty-repository': bitbucket => {
    bitbucket.addRepository({ projectKey: 'P0', slug: 'just-created', empty: true });
  },
  '429-on-listing': bitbucket => {
    bitbucket.faults.add({
      match: { kind: ['repositories', 'project-repositories'] },
      times: 1,
      effect: { type: 'status', status: 429 },
    });
  },
  '429-on-file': bitbucket => {
    bitbucket.faults.add({
      match: { kind: ['file-check', 'raw'], repositorySlug: toSlug(DISTURBED_INDEX) },
      times: 1,
      effect: { type: 'status', status: 429 },
    });
  },
};

/** Counts the requests that the server has received. */
export function countRequests(requests: readonly LoggedRequest[]): RequestCounts {
  const byKind: Record<string, number> = {};
  for (const { kind } of requests) {
    byKind[kind] = (byKind[kind] ?? 0) + 1;
  }
  return {
    total: requests.length,
    byKind,
    rateLimited: requests.filter(({ status }) => status === 429).length,
    perSecond: getPace(requests.map(({ time }) => time)),
  };
}
