/** Clients for the command line, made as the backend makes them; one limiter per host and credential. */

import { InputError, stringifyError } from '@backstage/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ConfiguredProvider } from '../config/types';
import { createRedactor, Redact, getSecrets } from '../http/redact';
import { CatalogAccessOptions } from '../provider/CatalogAccess';
import { createClientFactory } from '../provider/createClient';
import { createLimiters } from '../provider/limiters';
import { RequestMeter } from '../provider/RequestMeter';
import { Clock } from '../util/clock';
import { toPreviewedBudget } from './format';
import { CliIo, UsageError } from './CliIo';
import { PreviewedBudget } from './previewDocument';

/** A provider that can be asked. */
export interface Connection extends ConfiguredProvider {
  readonly client: RestClient;
  /** Begins to count when the connection is made. */
  readonly meter: PreviewMeter;
  /** Takes the credentials out of a text. */
  readonly redact: Redact;
  /** Sets the pace as a run does, asking the server for the budget where it has to. */
  prepare(): Promise<void>;
  /** What is known of the budget. */
  budget(): PreviewedBudget | undefined;
  /** What the catalog reads with, which need not be what the provider asks with. */
  readonly access: CatalogAccessOptions;
}

/**
 * Connects to all of them before any is asked: what is wrong with one should show before a
 * long run. They pace themselves together.
 *
 * @throws UsageError when an integration cannot be used
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

/** A stretch of time, on a clock that never goes back. */
interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Counts what a preview costs Bitbucket, also over time. */
export class PreviewMeter extends RequestMeter {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>;
  #startedAtMs: number;
  readonly #perSecond: number[] = [];
  /** When requests waited: apart from each other, oldest first. */
  readonly #waits: Stretch[] = [];

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    super();
    this.#clock = clock;
    this.#startedAtMs = clock.now();
  }

  /** Time counts from here, and no longer from when the meter was made. */
  begin(): void {
    this.#startedAtMs = this.#clock.now();
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

  /** Told at the end of a wait, so that what it overlaps are the last ones. */
  override onWait(wait: Parameters<RequestMeter['onWait']>[0]): void {
    super.onWait(wait);
    const toMs = this.#clock.monotonicMs();
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
   * Requests in each second so far, oldest first, quiet seconds included.
   *
   * @remarks The transport tells of an attempt when it has ended, so a slow one counts in
   * the second of its end.
   */
  perSecond(): readonly number[] {
    this.#fill(Math.ceil(this.#elapsedSeconds()));
    return [...this.#perSecond];
  }

  #elapsedSeconds(): number {
    return (this.#clock.now() - this.#startedAtMs) / 1000;
  }

  #fill(seconds: number): void {
    while (this.#perSecond.length < seconds) {
      this.#perSecond.push(0);
    }
  }
}
