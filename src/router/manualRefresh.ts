/**
 * Watches the catalog's own refresh endpoint: refreshing a provider's anchor starts an
 * audited run.
 *
 * Only watches. The catalog reads the body, authenticates and authorises as always; what
 * happened is looked at once its answer is out, so a caller it rejects starts nothing.
 */

import {
  AuditorService,
  AuditorServiceEvent,
  HttpRouterService,
  LoggerService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { parseEntityRef, stringifyEntityRef } from '@backstage/catalog-model';
import { z } from 'zod';
import { isError, stringifyError } from '@backstage/errors';
import { JsonObject } from '@backstage/types';
import { CreatedProvider } from '../provider/createProviders';
import { ManualRuns } from '../provider/ManualRuns';
import { systemClock } from '../util/clock';

/** What manual runs are started with. */
interface ManualRunDependencies {
  readonly auditor: AuditorService;
  readonly scheduler: SchedulerService;
  readonly shutdownSignal: AbortSignal;
}

type Handler = Parameters<HttpRouterService['use']>[0];

const RefreshBody = z.object({ entityRef: z.string() });

/**
 * Makes the handler; it is to be registered on the catalog's router and passes every
 * request on untouched.
 */
export function createRefreshObserver(
  starts: readonly ManualStart[],
  logger: Pick<LoggerService, 'warn'>,
): Handler {
  return observeRefreshes((entityRef, request) => {
    starts
      .find(one => one.anchorRef === entityRef)
      ?.start({ request, trigger: 'refresh' })
      .catch(error => {
        logger.warn(`The run that was asked for could not be started: ${error}`);
      });
  });
}

/**
 * Makes a handler that tells of every entity whose refresh the catalog has granted; it is to
 * be registered on the catalog's router and passes every request on untouched.
 */
export function observeRefreshes(
  onRefresh: (entityRef: string, request: Parameters<Handler>[0]) => void,
): Handler {
  return (request, response, next) => {
    if (request.method === 'POST' && /^\/refresh\/?$/i.test(request.path)) {
      response.once('finish', () => {
        const entityRef = refreshedRef(request.body);
        if (response.statusCode === 200 && entityRef !== undefined) {
          onRefresh(entityRef, request);
        }
      });
    }
    next();
  };
}

/** Who asked for a run, as far as an audit event tells it. */
interface RunRequester {
  /** Where it came over HTTP. */
  readonly request?: Parameters<Handler>[0];
  /** What it was asked for with. */
  readonly trigger: 'refresh' | 'action';
}

/** Starts runs of one provider on demand. */
export interface ManualStart {
  readonly id: string;
  readonly anchorRef: string;
  /**
   * Starts a run, audited.
   *
   * @param requireAllowance - throws where the caller may not: that leaves a trace as well
   */
  start(by: RunRequester, requireAllowance?: () => Promise<void>): Promise<undefined>;
}

/** Makes what starts runs, for whoever asks: two that ask during a run get the same one. */
export function createManualStart(
  { provider, context }: Pick<CreatedProvider, 'provider' | 'context'>,
  dependencies: ManualRunDependencies,
): ManualStart {
  const { id, anchorRef } = provider;
  return { id, anchorRef, start: createStart({ provider, context }, dependencies) };
}

function createStart(
  { provider, context }: Pick<CreatedProvider, 'provider' | 'context'>,
  { auditor, scheduler, shutdownSignal }: ManualRunDependencies,
): ManualStart['start'] {
  const runs = new ManualRuns({
    startTask: () => scheduler.triggerTask(provider.taskId),
    clock: systemClock,
    signal: shutdownSignal,
  });
  return async ({ request, trigger }, requireAllowance) => {
    const event = await auditor.createEvent({
      eventId: 'bitbucket-server-discovery-run',
      severityLevel: 'medium',
      request,
      meta: { provider: provider.getProviderName(), trigger },
    });
    return audited(event, async () => {
      await requireAllowance?.();
      await context.recorder.requested();
      await runs.request();
      return undefined;
    });
  };
}

/** @param body - what the catalog parsed */
function refreshedRef(body: unknown): string | undefined {
  const parsed = RefreshBody.safeParse(body);
  if (!parsed.success) {
    return undefined;
  }
  try {
    return stringifyEntityRef(parseEntityRef(parsed.data.entityRef));
  } catch {
    return undefined;
  }
}

/**
 * An action that leaves an audit event, whichever way it ends.
 *
 * @returns what the action returns, which the event tells as well
 * @throws what the action throws
 */
export async function audited<T extends JsonObject | undefined>(
  event: AuditorServiceEvent,
  action: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await action();
  } catch (error) {
    await event.fail({
      error: isError(error) ? error : new Error(stringifyError(error)),
    });
    throw error;
  }
  await event.success({ meta: result });
  return result;
}
