/** The gauge of an invalid configuration in this process, which reads its own configuration. */

import { ObservableResult } from '@opentelemetry/api';
import { onAbort } from '../util/abort';
import { instruments } from './instruments';

/** Measures the gauge with each collection until the signal aborts. */
export function observeConfiguration({
  isRefused,
  signal,
}: {
  /** Whether a changed configuration is invalid, so that the previous one is still in effect. */
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
