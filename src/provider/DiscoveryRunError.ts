/** The failure of a run, as the scheduler and its metrics see it. */

import { CustomErrorBase, stringifyError } from '@backstage/errors';
import { RunFailure } from '../discovery/performRun';

/** A run that failed. It removed nothing; what it found was added. */
export class DiscoveryRunError extends CustomErrorBase {
  override name = 'DiscoveryRunError' as const;

  constructor(failure: RunFailure, host: string) {
    super(describeFailure(failure, host));
  }
}

/** Describes in sentences why a run failed. */
export function describeFailure(failure: RunFailure, host: string): string {
  const kept = 'Nothing was removed from the catalog; what was found was added.';
  switch (failure.kind) {
    case 'listing':
      return `The repositories of ${host} could not be listed completely: ${failure.detail}. ${kept}`;
    case 'aborted':
      return `Discovery on ${host} was stopped before its end (${stringifyError(failure.error)}). ${kept} The next run continues with the repositories that were not checked. If \`schedule.timeout\` ended it, increase that.`;
    case 'failed':
      return `Discovery on ${host} failed: ${stringifyError(failure.error)}. ${kept}`;
    default:
      return failure satisfies never;
  }
}
