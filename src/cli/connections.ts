/** Creates clients as the backend does, with one limiter per host and credential. */

import { InputError, stringifyError } from '@backstage/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ConfiguredProvider } from '../config/types';
import { createRedactor, Redact, getSecrets } from '../http/redact';
import {
  createClientFactory,
  CatalogAccessOptions,
  RequestMeter,
} from '../provider/createClient';
import { createLimiters } from '../provider/limiters';
import { Clock } from '../util/clock';
import { toPreviewedBudget } from './format';
import { CliIo, UsageError } from './terminal';
import { PreviewedBudget } from './previewDocument';

/** A provider with its client. */
export interface Connection extends ConfiguredProvider {
  readonly client: RestClient;
  /** Starts to count when the connection is created. */
  readonly meter: PreviewMeter;
  /** Removes the credentials from a text. */
  readonly redact: Redact;
  /** Sets the pace as a run does; reads the budget from the server if needed. */
  prepare(): Promise<void>;
  /** The budget; `undefined` if it is not known. */
  budget(): PreviewedBudget | undefined;
  /** What the catalog reads files with; its credentials may differ from the provider's. */
  readonly access: CatalogAccessOptions;
}

/**
 * Creates all connections before the first request, so that a fault of any of them shows
 * before a long run. Connections to the same host with the same credential share a limiter.
 *
 * @throws UsageError if an integration cannot be used
 */
export function openConnections(
  providers: readonly ConfiguredProvider[],
  io: CliIo,
): Connection[] {
  const { clock, fetch, signal, stderr } = io;
  const onWarning = (warning: string) => stderr(`${warning}\n`);
  const limiters = createLimiters(providers, { clock, onWarning });
  return providers.map(provider => {
    const { config, integration, catalogIntegration } = provider;
    const redact = createRedactor([
      ...getSecrets(integration),
      ...getSecrets(catalogIntegration),
    ]);
    const meter = new PreviewMeter(clock);
    try {
      const setup = { ...config, clock, fetch, limiters, catalogIntegration };
      const clients = createClientFactory({
        ...setup,
        integration,
        providerId: config.id,
      });
      const client = clients.create(meter);
      return {
        ...provider,
        client,
        meter,
        redact,
        prepare: () => clients.prepare(client, signal),
        budget: () => toPreviewedBudget(clients.budget()),
        access: { ...setup, config },
      };
    } catch (error) {
      const cause =
        error instanceof InputError
          ? `integrations.bitbucketServer, host ${config.host}: ${error.message}`
          : stringifyError(error);
      throw new UsageError(redact(cause));
    }
  });
}

/** A period of time, in milliseconds of a monotonic clock. */
interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Counts the requests of a preview, in total and per second. */
export class PreviewMeter extends RequestMeter {
  #startedAtMs: number;
  readonly #perSecond: number[] = [];
  /** The periods in which requests waited: without overlaps, oldest first. */
  readonly #waits: Period[] = [];

  constructor(private readonly clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    super();
    this.#startedAtMs = clock.now();
  }

  /** Restarts the time of the meter, which otherwise starts at its creation. */
  begin(): void {
    this.#startedAtMs = this.clock.now();
  }

  /** Epoch milliseconds. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  override onAttempt(attempt: Parameters<RequestMeter['onAttempt']>[0]): void {
    super.onAttempt(attempt);
    // A clock may be set back.
    const second = Math.max(0, Math.floor(this.#elapsedSeconds()));
    this.#fill(second + 1);
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + 1;
  }

  /** Called at the end of a wait, so it can only overlap the last periods. */
  override onWait(wait: Parameters<RequestMeter['onWait']>[0]): void {
    super.onWait(wait);
    const toMs = this.clock.monotonicMs();
    let fromMs = toMs - wait.ms;
    for (let last = this.#waits.at(-1); last && last.toMs >= fromMs;) {
      fromMs = Math.min(fromMs, last.fromMs);
      this.#waits.pop();
      last = this.#waits.at(-1);
    }
    this.#waits.push({ fromMs, toMs });
  }

  /** Milliseconds during which at least one request waited: parallel waits count once. */
  pacedMs(): number {
    return this.#waits.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  }

  /**
   * The requests in each second so far, oldest first, seconds without requests included.
   *
   * @remarks The transport reports an attempt when it has ended, so a slow one counts in the
   * second in which it ended.
   */
  perSecond(): readonly number[] {
    this.#fill(Math.ceil(this.#elapsedSeconds()));
    return [...this.#perSecond];
  }

  #elapsedSeconds(): number {
    return (this.clock.now() - this.#startedAtMs) / 1000;
  }

  #fill(seconds: number): void {
    while (this.#perSecond.length < seconds) {
      this.#perSecond.push(0);
    }
  }
}
