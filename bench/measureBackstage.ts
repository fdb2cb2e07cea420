/**
 * Measures a complete Backstage installation: a real catalog with its processing, in a separate
 * process, and the simulated server in this one.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { LoggedRequest, serve, SimulatedBitbucket } from '../dev/simulatedBitbucket';
import {
  BackendApi,
  createBackendApi,
  TOKEN,
  WEBHOOK_SECRET,
  webhookConfig,
} from '../src/__testUtils__/backendApi';
import { startProcess } from '../src/__testUtils__/backendProcess';
import { eventually } from '../src/__testUtils__/eventually';
import { ProcessFeature } from '../src/__testUtils__/processFeatures';
import {
  BackstageCounts,
  BackstageResult,
  BackstageSetting,
  getCompression,
  describeBackstage,
  MODEL_REPOSITORIES,
  pushesPerHour,
  toBackstageConfig,
  toRealSeconds,
} from './backstages';
import { toIntegration } from './integration';
import { Subject } from './measurement';
import { expectedLocations } from './plan';
import { shortenError } from './shortenError';
import { countRequests, createCellServer, pushTo, USER } from './simulatedCell';

/** Starting is CPU-bound: more at once would only make each start slower. */
const STARTS_AT_ONCE = 2;

/** Ample on a busy machine. */
const MAX_START_MS = 120_000;

const FEATURES: Readonly<Record<Subject, readonly ProcessFeature[]>> = {
  ours: ['events', 'webhooks', 'discovery', 'url-reader'],
  peer: ['published-discovery'],
};

/** Coprime with the number of repositories, so that each repository gets its turn. */
const PUSH_STEP = 7;

/**
 * Measures all installations at the same time once all have started, since they mostly wait. Any
 * error becomes a result.
 */
export async function measureBackstages(
  settings: readonly BackstageSetting[],
): Promise<BackstageResult[]> {
  const inTurn = pLimit(STARTS_AT_ONCE);
  const starts = settings.map(setting => ({
    setting,
    start: inTurn(() => startBackstage(setting)),
  }));
  const started = await Promise.allSettled(starts.map(pending => pending.start));
  process.stderr.write(`${started.length} whole Backstages have started\n`);
  return Promise.all(
    starts.map(async ({ setting, start }): Promise<BackstageResult> => {
      try {
        const counts = await measureBackstage(setting, await start);
        process.stderr.write(`${describeBackstage(setting)}: done\n`);
        return { setting, run: { kind: 'finished', counts } };
      } catch (error) {
        return { setting, run: { kind: 'failed', error: shortenError(String(error)) } };
      }
    }),
  );
}

interface StartedBackstage {
  readonly bitbucket: SimulatedBitbucket;
  readonly api: BackendApi;
  readonly stop: () => Promise<void>;
}

async function measureBackstage(
  setting: BackstageSetting,
  { api, bitbucket, stop }: StartedBackstage,
): Promise<BackstageCounts> {
  try {
    return await countWhileSteady(setting, bitbucket, api);
  } finally {
    await stop();
  }
}

/** Starts an installation and waits until everything is in its catalog. */
async function startBackstage(setting: BackstageSetting): Promise<StartedBackstage> {
  const cell = {
    repositories: MODEL_REPOSITORIES,
    latencyMs: 0,
    validateLocationsExist: true,
    hasSearch: setting.hasSearch,
  };
  const bitbucket = createCellServer(cell);
  const server = await serve(bitbucket);
  const ends = [() => server.close()];
  const stop = async () => {
    for (const end of ends) {
      await end();
    }
  };
  try {
    const integration = toIntegration({ baseUrl: bitbucket.baseUrl, user: USER });
    const backend = await startProcess({
      config: {
        ...toBackstageConfig(setting, integration),
        events: webhookConfig('never'),
      },
      features: ['catalog', 'frequent-scheduler-checks', ...FEATURES[setting.subject]],
    });
    ends.unshift(backend.stop);
    const api = createBackendApi(backend.baseUrl, TOKEN);
    await eventually(() => assertComplete(api, expectedLocations(cell)), MAX_START_MS);
    return { api, bitbucket, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assertComplete(api: BackendApi, components: number): Promise<void> {
  const { length } = await api.entities('kind=component');
  if (length !== components) {
    throw new Error(`the catalog has ${length} Components, not ${components}`);
  }
}

/** Pushes go on all the time, also during the warm-up. */
async function countWhileSteady(
  setting: BackstageSetting,
  bitbucket: SimulatedBitbucket,
  api: BackendApi,
): Promise<BackstageCounts> {
  const compression = getCompression(setting);
  const [warmUpMs, countedMs] = [compression.warmUpHours, compression.hours].map(
    hours => toRealSeconds(hours, compression) * 1000,
  );
  const pushing = new AbortController();
  const pushed = pushSteadily(setting, bitbucket, api, pushing.signal);
  // A failed push rejects the measurement; it must not end the process as an unhandled rejection.
  pushed.catch(() => {});
  try {
    await Promise.race([sleep(warmUpMs), pushed.then(() => sleep(warmUpMs))]);
    bitbucket.clearRequests();
    await sleep(countedMs);
    return countBackstage(setting.subject, bitbucket.requests);
  } finally {
    pushing.abort();
    await pushed;
  }
}

/** Pushes until it is aborted. @throws Error if a webhook is not accepted */
async function pushSteadily(
  setting: BackstageSetting,
  bitbucket: SimulatedBitbucket,
  api: BackendApi,
  signal: AbortSignal,
): Promise<void> {
  const perHour = pushesPerHour(setting);
  if (perHour === 0) {
    return;
  }
  const everyMs = (toRealSeconds(1, getCompression(setting)) * 1000) / perHour;
  const startedAt = performance.now();
  for (let count = 1; !signal.aborted; count += 1) {
    const index = (count * PUSH_STEP) % MODEL_REPOSITORIES;
    const webhook = pushTo(bitbucket, index, WEBHOOK_SECRET);
    // Connections may break on a busy machine; a webhook that arrives twice counts once.
    const status = await eventually(() => api.deliver(webhook));
    if (status !== 202) {
      throw new Error(`a webhook was answered with ${status}`);
    }
    const waitMs = startedAt + count * everyMs - performance.now();
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }
}

function countBackstage(
  subject: Subject,
  requests: readonly LoggedRequest[],
): BackstageCounts {
  const runs = requests.filter(isStartOfRun).length;
  const reads = requests.filter(request => isRead(request, subject)).length;
  return { byKind: countRequests(requests).byKind, reads, runs };
}

/** Whether it is the first page of a listing: of repositories, or of projects in the published module. */
function isStartOfRun({ kind, path }: LoggedRequest): boolean {
  const isListing = kind === 'repositories' || kind === 'projects';
  return isListing && !/[?&]start=[1-9]/.test(path);
}

/** Discovery of the published module requests files, too, but without a branch. */
function isRead({ kind, path }: LoggedRequest, subject: Subject): boolean {
  return kind === 'raw' && (subject === 'ours' || path.includes('?at='));
}
