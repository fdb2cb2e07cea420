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
import { ConfigFindings, ConfigSection, describeValue } from './ConfigSection';
import { ProviderConfig, ProviderCredentials } from './types';

const INTEGRATIONS_KEY = 'integrations.bitbucketServer';

/** One entry of `integrations.bitbucketServer`. */
interface IntegrationEntry {
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

/** What a header may carry; Bitbucket's tokens hold nothing else. */
const TOKEN = /^[\x21-\x7e]+$/;

/** What Backstage makes of `${VARIABLE}` where that variable is not set: no key at all. */
const UNSET_VARIABLE =
  'where it comes from an environment variable, set that variable: a key whose variable is not set counts as missing';

/**
 * Reads the keys `token`, `username` and `password`; faults are added to the section's
 * problems. Half of a user is one: requests would go out without credentials, and what an
 * anonymous caller may not see would look deleted.
 *
 * @param tokenWins - whether a token makes the other two irrelevant, as Backstage has it
 * for integrations, instead of being refused beside them
 * @returns `undefined` where there are none, or on a fault
 */
export function readCredentials(
  section: ConfigSection,
  { tokenWins }: { tokenWins: boolean },
): ProviderCredentials | undefined {
  const hasUser = section.has('username') || section.has('password');
  if (section.has('token') && hasUser && !tokenWins) {
    section.addProblem(
      'token',
      'cannot be set beside username and password; keep either the token or the other two',
    );
    return undefined;
  }
  if (section.has('token')) {
    return readToken(section);
  }
  return hasUser ? readUser(section) : undefined;
}

function readToken(section: ConfigSection): ProviderCredentials | undefined {
  const token = section.secret('token')?.trim();
  if (token !== undefined && !TOKEN.test(token)) {
    section.addProblem(
      'token',
      'must be one HTTP access token, without spaces, line breaks or other characters that HTTP does not allow in a header',
    );
    return undefined;
  }
  return token === undefined ? undefined : { token };
}

function readUser(section: ConfigSection): ProviderCredentials | undefined {
  const username = section.secret('username');
  const password = section.secret('password');
  section.require(
    'username',
    `set the user that the password belongs to; ${UNSET_VARIABLE}`,
  );
  section.require(
    'password',
    `set it too, or set token instead of both, where the user has an HTTP access token; ${UNSET_VARIABLE}`,
  );
  // Everything behind the colon would be sent as the password (RFC 7617).
  if (username?.includes(':')) {
    section.addProblem(
      'username',
      'must be the name alone, without a colon; the password has its own key',
    );
  }
  return username === undefined || password === undefined
    ? undefined
    : { username, password };
}
