/** In-memory buckets that replicas share, with their own clock. For tests. */

import { SharedBuckets } from '../http/ReplicaShare';
import { grantTokens, pauseAll, SharedBucket } from '../http/sharedBucket';
import { Clock } from '../util/clock';

/** The behaviour of a database that is out of order. */
export type Disorder = 'hangs' | 'fails';

/** Buckets as the database keeps them. */
export class MemoryBuckets implements SharedBuckets {
  readonly #kept = new Map<string, SharedBucket>();
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  disorder: Disorder | undefined;
  /** The number of calls. */
  asked = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The keys of all buckets so far. */
  get keys(): readonly string[] {
    return [...this.#kept.keys()];
  }

  take: SharedBuckets['take'] = async (key, request) => {
    await this.#answer();
    const nowMs = this.#clock.monotonicMs();
    const { grant, kept } = grantTokens(this.#kept.get(key), request, nowMs);
    this.#kept.set(key, kept);
    return grant;
  };

  pause: SharedBuckets['pause'] = async (key, pause) => {
    await this.#answer();
    const nowMs = this.#clock.monotonicMs();
    this.#kept.set(key, pauseAll(this.#kept.get(key), pause, nowMs));
  };

  async #answer(): Promise<void> {
    this.asked += 1;
    if (this.disorder === 'hangs') await new Promise(() => {});
    if (this.disorder === 'fails') throw new Error('no connection');
  }
}
