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
  readonly logger: LoggerService;
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
  created: readonly Pick<CreatedProvider, 'provider' | 'context'>[],
  dependencies: ManualRunDependencies,
): Handler {
  const starts = new Map(
    created.map(one => [one.provider.anchorRef, createStart(one, dependencies)]),
  );
  return observeRefreshes((entityRef, request) => {
    starts
      .get(entityRef)?.(request)
      .catch(error => {
        const { logger } = dependencies;
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

/** What is to happen once the catalog has granted the refresh of the anchor. */
function createStart(
  { provider, context }: Pick<CreatedProvider, 'provider' | 'context'>,
  { auditor, scheduler, shutdownSignal }: ManualRunDependencies,
): (request: Parameters<Handler>[0]) => Promise<undefined> {
  const runs = new ManualRuns({
    startTask: () => scheduler.triggerTask(provider.taskId),
    clock: systemClock,
    signal: shutdownSignal,
  });
  return async request => {
    const event = await auditor.createEvent({
      eventId: 'bitbucket-server-discovery-run',
      severityLevel: 'medium',
      request,
      meta: { provider: provider.getProviderName(), trigger: 'refresh' },
    });
    return audited(event, async () => {
      await context.journal.requested();
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
