/** Converts a run to the record that is stored for the report. Pure. */

import { Run } from '../discovery/performRun';
import { RunRecord } from '../store/records';
import { describeFailure } from './DiscoveryRunError';
import { RequestCounts } from './RequestMeter';

/** Reduces a run to its record. */
export function toRunRecord(
  run: Run,
  requests: RequestCounts,
  provider: { readonly host: string; readonly authenticated: boolean },
): RunRecord {
  return {
    startedAtMs: run.startedAtMs,
    finishedAtMs: run.finishedAtMs,
    status: run.failure ? 'failed' : 'succeeded',
    summary: run.summary,
    requests: requests.total,
    authenticated: provider.authenticated,
    error: run.failure && describeFailure(run.failure, provider.host),
  };
}
