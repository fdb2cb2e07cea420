/**
 * Measures a whole Backstage: a real catalog with its own processing, in a process of its own,
 * beside the simulated server that is here.
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

/** Starts keep the processor busy: more at once only make each of them slower. */
const STARTS_AT_ONCE = 2;

/** On a busy machine. */
const MAX_START_MS = 120_000;

const FEATURES: Readonly<Record<Subject, readonly ProcessFeature[]>> = {
  ours: ['events', 'webhooks', 'discovery', 'url-reader'],
  peer: ['published-discovery'],
};

/** Has no divisor in common with the number of repositories: each gets its turn. */
const PUSH_STEP = 7;

/**
 * All at the same time, since each of them mostly waits, once all have started. Whatever goes
 * wrong is a result.
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

/** Until everything is in its catalog. */
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
      maxStartMs: MAX_START_MS,
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

/** People push all the time, also before anything is counted. */
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
  // A push that fails ends the measurement, not the process.
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

/** Until it is aborted. @throws Error where a webhook is not taken */
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
    // A busy machine breaks connections; one webhook that arrives twice counts once.
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

/** The first page of a listing: of the repositories, or in the published module of projects. */
function isStartOfRun({ kind, path }: LoggedRequest): boolean {
  const isListing = kind === 'repositories' || kind === 'projects';
  return isListing && !/[?&]start=[1-9]/.test(path);
}

/** The discovery of the published module asks for files as well, but names no branch. */
function isRead({ kind, path }: LoggedRequest, subject: Subject): boolean {
  return kind === 'raw' && (subject === 'ours' || path.includes('?at='));
}
