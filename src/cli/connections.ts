/** Clients for the command line, made as the backend makes them; one limiter per host and credential. */

import { InputError, stringifyError } from '@backstage/errors';
import { getBitbucketServerRequestOptions } from '@backstage/integration';
import { RestClient } from '../bitbucket/RestClient';
import { ConfiguredProvider } from '../config/types';
import { credentialKeyOf, LimiterRegistry } from '../http/limiters';
import { createRedactor, Redact, secretsInHeaders } from '../http/redact';
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
    const { headers = {} } = getBitbucketServerRequestOptions(integration);
    const redact = createRedactor([
      ...[integration.token, integration.password].flatMap(one => one ?? []),
      ...secretsInHeaders(headers),
    ]);
    const meter = new PreviewMeter(this.#io.clock);
    const onLimiterConflict = (message: string) => this.#io.stderr(`${message}\n`);
    const shared = { ...config, clock: this.#io.clock, limiters: this.#limiters };
    try {
      const factory = createClientFactory({
        ...shared,
        providerId: config.id,
        integration,
        onLimiterConflict,
        fetch: this.#io.fetch,
      });
      const client = factory.create(meter);
      const limiter = this.#limiters.limiterFor({
        ...shared,
        credentialKey: credentialKeyOf(headers.Authorization),
        setting: config.rateLimit,
        requester: config.id,
      });
      return {
        ...provider,
        client,
        meter,
        redact,
        prepare: () => factory.prepare(client, this.#io.signal),
        budget: () => {
          const { budget } = limiter;
          return budget === 'not-read' ? undefined : toPreviewedBudget(budget);
        },
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
