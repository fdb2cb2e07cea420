/** Counts events. */

import { instruments } from './instruments';

/** Listens to what becomes of events. */
export class EventMetrics {
  /** @param result - a code of a fixed list, such as `evaluated` */
  onEvent(result: string): void {
    instruments().events.add(1, { result });
  }
}
