/**
 * Reads `integrations.bitbucketServer`, in Backstage's own format, and checks what
 * Backstage takes although it cannot work: half of the credentials, a host that no URL
 * will ever show.
 */

import { Config } from '@backstage/config';
import { InputError, stringifyError } from '@backstage/errors';
import {
  BitbucketServerIntegrationConfig,
  readBitbucketServerIntegrationConfigs,
} from '@backstage/integration';
import { ConfigFindings, ConfigSection } from './ConfigSection';
import { describeValue } from './jsonValues';
import { readCredentials } from './readCredentials';
import { ProviderConfig } from './types';

const INTEGRATIONS_KEY = 'integrations.bitbucketServer';

/** One entry of `integrations.bitbucketServer`. */
export interface IntegrationEntry {
  readonly host: string;
  readonly section: ConfigSection;
}

/**
 * Opens each integration.
 *
 * @throws InputError where Backstage's own readers could not make sense of them either
 */
export function openIntegrations(
  config: Config,
  findings: ConfigFindings,
): IntegrationEntry[] {
  return readBackstages(() =>
    (config.getOptionalConfigArray(INTEGRATIONS_KEY) ?? []).map((one, index) => ({
      host: one.getString('host'),
      section: new ConfigSection(one, `${INTEGRATIONS_KEY}[${index}]`, findings),
    })),
  );
}

/**
 * Adds what is wrong with an integration that providers use to the problems.
 *
 * @param providers - all of them
 */
export function checkIntegration(
  { host, section }: IntegrationEntry,
  providers: readonly ProviderConfig[],
): void {
  const problemsBefore = section.problemCount;
  checkHost(host, section);
  const credentials = readCredentials(section, { tokenWins: true });
  const areNeeded = providers.some(
    one => one.host === host && one.credentials === undefined,
  );
  if (!credentials && areNeeded && section.problemCount === problemsBefore) {
    section.addWarning(
      undefined,
      `has no credentials, so only what is public on ${host} is found; set its token, or username and password. Where they come from an environment variable, set that variable`,
    );
  }
}

/** Reads the integrations as Backstage does, once they are checked. */
export function toIntegrationConfigs(
  entries: readonly IntegrationEntry[],
): BitbucketServerIntegrationConfig[] {
  return readBackstages(() =>
    readBitbucketServerIntegrationConfigs(entries.map(({ section }) => section.config)),
  );
}

/**
 * The catalog picks the integration of a file by the host of its URL, which has lower case
 * and no default port: one that is written otherwise is never picked.
 */
function checkHost(host: string, section: ConfigSection): void {
  const apiBaseUrl = section.value('apiBaseUrl');
  const scheme = /^http:/i.test(String(apiBaseUrl)) ? 'http' : 'https';
  const url = `${scheme}://${host}`;
  const asInUrls = URL.canParse(url) ? new URL(url).host : host;
  if (asInUrls !== host) {
    section.addProblem(
      'host',
      `must be written as in URLs, ${describeValue(asInUrls)}, but is ${describeValue(host)}: with it, the catalog would not find the integration of a file; correct it here and under catalog.providers.bitbucketServer`,
    );
  }
}

function readBackstages<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new InputError(`${INTEGRATIONS_KEY} cannot be read: ${stringifyError(error)}`);
  }
}
