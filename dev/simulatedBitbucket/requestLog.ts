/** Every request to the server, for tests to count and inspect. Written by `handle.ts`. */
import type { ParsedRequest } from './facts';
import type { SimulatedRequestKind } from './routes/route';

/** One request. */
export interface LoggedRequest {
  readonly method: string;
  /** Path with context path and query, as it came. */
  readonly path: string;
  /** The kind of the request. */
  readonly kind: SimulatedRequestKind;
  /** `undefined` while it is being answered, and where a fault left it unanswered. */
  status?: number;
  /** Name of the signed-in user. */
  user?: string;
  /** Credentials were sent and accepted. */
  authorised: boolean;
  /** Arrival, epoch milliseconds. */
  readonly time: number;
}

/** The log and the number of requests in flight. */
export class RequestLog {
  readonly entries: LoggedRequest[] = [];
  /** Requests being answered now. */
  inFlight = 0;
  /** The highest number of concurrent requests. */
  peakInFlight = 0;
  #served = 0;

  /** @param time - epoch milliseconds */
  start({ facts, target }: ParsedRequest, time: number): LoggedRequest {
    const entry: LoggedRequest = {
      method: facts.method,
      path: target,
      kind: facts.kind,
      authorised: false,
      time,
    };
    this.entries.push(entry);
    this.inFlight += 1;
    this.peakInFlight = Math.max(this.peakInFlight, this.inFlight);
    return entry;
  }

  end(): void {
    this.inFlight -= 1;
  }

  clear(): void {
    this.entries.length = 0;
    this.peakInFlight = this.inFlight;
  }

  /** A value for `X-AREQUESTID`: node, minute of the day, number, concurrent requests. */
  nextRequestId(now: number): string {
    this.#served += 1;
    const minute = Math.floor(now / 60_000) % 1440;
    return `@SIMBB1x${minute}x${this.#served}x${this.inFlight}`;
  }
}
