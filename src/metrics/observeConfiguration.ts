/** The gauge of configurations that cannot work: of this process, which reads them itself. */

import { ObservableResult } from '@opentelemetry/api';
import { onAbort } from '../util/abort';
import { instruments } from './instruments';

/** Has it measured with each collection until the signal aborts. */
export function observeConfiguration({
  isRefused,
  signal,
}: {
  /** Whether a changed configuration cannot work, and the one before is in effect. */
  readonly isRefused: () => boolean;
  readonly signal: AbortSignal;
}): void {
  if (signal.aborted) {
    return;
  }
  const { configurationRefused } = instruments();
  const callback = (result: ObservableResult) => result.observe(isRefused() ? 1 : 0);
  configurationRefused.addCallback(callback);
  onAbort(signal, () => configurationRefused.removeCallback(callback));
}
