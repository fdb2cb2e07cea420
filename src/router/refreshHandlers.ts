/** What refreshing a provider's anchor does: an audited run on demand. */

import {
  AuditorService,
  LoggerService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { CreatedProvider } from '../provider/createProviders';
import { ManualRuns } from '../provider/ManualRuns';
import { systemClock } from '../util/clock';
import { audited } from './audited';
import { OnRefresh, RefreshRequest } from './createRefreshObserver';

/** What manual runs are started with. */
export interface ManualRunDependencies {
  readonly auditor: AuditorService;
  readonly logger: LoggerService;
  readonly scheduler: SchedulerService;
  readonly shutdownSignal: AbortSignal;
}

/** By entity ref of the anchor, what is to happen once its refresh was granted. */
export function refreshHandlers(
  created: readonly Pick<CreatedProvider, 'provider' | 'context'>[],
  { auditor, logger, scheduler, shutdownSignal }: ManualRunDependencies,
): Map<string, OnRefresh> {
  return new Map(
    created.map(({ provider, context }) => {
      const runs = new ManualRuns({
        startTask: () => scheduler.triggerTask(provider.taskId),
        clock: systemClock,
        signal: shutdownSignal,
      });
      const start = async (request: RefreshRequest) => {
        const event = await auditor.createEvent({
          eventId: 'bitbucket-server-discovery-run',
          severityLevel: 'medium',
          request,
          meta: { provider: provider.getProviderName(), trigger: 'refresh' },
        });
        await audited(event, async () => {
          await context.journal.requested();
          await runs.request();
          return undefined;
        });
      };
      const onRefresh: OnRefresh = request => {
        start(request).catch(error => {
          logger.warn(`The run that was asked for could not be started: ${error}`);
        });
      };
      return [provider.anchorRef, onRefresh];
    }),
  );
}
