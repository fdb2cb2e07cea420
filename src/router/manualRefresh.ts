/**
 * Observes the catalog's own refresh endpoint: refreshing a provider's anchor starts an
 * audited run.
 *
 * Only observes. The catalog parses, authenticates and authorizes the request as always; its
 * result is checked once the answer is sent, so a rejected caller starts nothing.
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
import { ManualRuns } from '../provider/unscheduledRuns';
import { systemClock } from '../util/clock';

/** Services that starting a manual run needs. */
interface ManualRunDependencies {
  readonly auditor: AuditorService;
  readonly scheduler: SchedulerService;
  readonly shutdownSignal: AbortSignal;
}

type Handler = Parameters<HttpRouterService['use']>[0];

const RefreshBody = z.object({ entityRef: z.string() });

/**
 * Creates a handler that starts a run when a provider's anchor is refreshed. Register it on the
 * catalog's router; it passes every request on unchanged.
 */
export function createRefreshObserver(
  starts: readonly ManualStart[],
  logger: Pick<LoggerService, 'warn'>,
): Handler {
  return observeRefreshes((entityRef, request) => {
    starts
      .find(({ anchorRef }) => anchorRef === entityRef)
      ?.start({ request, trigger: 'refresh' })
      .catch(error => {
        logger.warn(`The requested run could not be started: ${error}`);
      });
  });
}

/**
 * Creates a handler that reports every entity whose refresh the catalog has accepted. Register
 * it on the catalog's router; it passes every request on unchanged.
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

/** The origin of a request for a run, as recorded in the audit event. */
interface RunRequester {
  /** The HTTP request, if there was one. */
  readonly request?: Parameters<Handler>[0];
  /** The kind of request. */
  readonly trigger: 'refresh' | 'action';
}

/** Starts runs of one provider on demand. */
export interface ManualStart {
  readonly id: string;
  readonly anchorRef: string;
  /**
   * Starts an audited run.
   *
   * @param requireAllowance - throws if the caller has no permission, which is audited as well
   */
  start(by: RunRequester, requireAllowance?: () => Promise<void>): Promise<undefined>;
}

/** Creates the manual start of a provider: two requests during a run lead to one more run. */
export function createManualStart(
  { provider, context }: Pick<CreatedProvider, 'provider' | 'context'>,
  { auditor, scheduler, shutdownSignal }: ManualRunDependencies,
): ManualStart {
  const { id, anchorRef } = provider;
  const runs = new ManualRuns({
    startTask: () => scheduler.triggerTask(provider.taskId),
    clock: systemClock,
    signal: shutdownSignal,
  });
  return {
    id,
    anchorRef,
    async start({ request, trigger }, requireAllowance) {
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
    },
  };
}

/** @param body - the body as parsed by the catalog */
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
 * Runs an action and records its success or failure in an audit event.
 *
 * @returns the result of the action, which the event contains as well
 * @throws whatever the action throws
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
