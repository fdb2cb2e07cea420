/** Clients for the command line, made as the backend makes them; one limiter per host and credential. */

import { InputError, stringifyError } from '@backstage/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ConfiguredProvider } from '../config/types';
import { LimiterRegistry } from '../http/limiters';
import { createRedactor, Redact, secretsOf } from '../http/redact';
import { createClientFactory } from '../provider/createClient';
import { toPreviewedBudget } from './budget';
import { CliIo } from './CliIo';
import { UsageError } from './errors';
import { PreviewMeter } from './PreviewMeter';
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
}

/** Makes connections that pace themselves together. */
export class Connections {
  readonly #limiters = new LimiterRegistry();
  readonly #io: CliIo;

  constructor(io: CliIo) {
    this.#io = io;
  }

  /** @throws UsageError when the integration cannot be used */
  open(provider: ConfiguredProvider): Connection {
    const { config, integration } = provider;
    const { clock, fetch, signal, stderr } = this.#io;
    const redact = createRedactor(secretsOf(integration));
    const meter = new PreviewMeter(clock);
    try {
      const factory = createClientFactory({
        ...config,
        clock,
        fetch,
        integration,
        limiters: this.#limiters,
        onLimiterWarning: message => stderr(`${message}\n`),
        providerId: config.id,
      });
      const client = factory.create(meter);
      return {
        ...provider,
        client,
        meter,
        redact,
        prepare: () => factory.prepare(client, signal),
        budget: () => toPreviewedBudget(factory.budget()),
      };
    } catch (error) {
      if (error instanceof InputError) {
        throw new UsageError(
          `integrations.bitbucketServer, host ${config.host}: ${redact(error.message)}`,
        );
      }
      throw new UsageError(redact(stringifyError(error)));
    }
  }
}
