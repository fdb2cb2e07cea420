/**
 * Reads `integrations.bitbucketServer`, in Backstage's own format, and checks for settings that
 * Backstage accepts although they cannot work: incomplete credentials, or a host that never
 * occurs in a URL.
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
 * @throws InputError where Backstage's own readers cannot read them either
 */
export function openIntegrations(
  config: Config,
  findings: ConfigFindings,
): IntegrationEntry[] {
  return readBackstages(() =>
    (config.getOptionalConfigArray(INTEGRATIONS_KEY) ?? []).map((entry, index) => ({
      host: entry.getString('host'),
      section: new ConfigSection(entry, `${INTEGRATIONS_KEY}[${index}]`, findings),
    })),
  );
}

/**
 * Adds the faults of an integration that providers use to the problems.
 *
 * @param providers - all providers
 */
export function checkIntegration(
  { host, section }: IntegrationEntry,
  providers: readonly ProviderConfig[],
): void {
  const problemsBefore = section.problemCount;
  checkHost(host, section);
  const credentials = readCredentials(section, { tokenWins: true });
  const areNeeded = providers.some(
    provider => provider.host === host && provider.credentials === undefined,
  );
  if (!credentials && areNeeded && section.problemCount === problemsBefore) {
    section.addWarning(
      undefined,
      `has no credentials, so only what is public on ${host} is found; set its token, or username and password. Where they come from an environment variable, set that variable`,
    );
  }
}

/** Reads the checked integrations as Backstage does. */
export function toIntegrationConfigs(
  entries: readonly IntegrationEntry[],
): BitbucketServerIntegrationConfig[] {
  return readBackstages(() =>
    readBitbucketServerIntegrationConfigs(entries.map(({ section }) => section.config)),
  );
}

/**
 * The catalog picks the integration of a file by the host of its URL, which is in lower case
 * without a default port: a host in another form is never picked.
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

/** The characters that a header may carry; Bitbucket's tokens contain no others. */
const TOKEN = /^[\x21-\x7e]+$/;

/** Backstage drops a key with `${VARIABLE}` where that variable is not set. */
const UNSET_VARIABLE =
  'where it comes from an environment variable, set that variable: a key whose variable is not set counts as missing';

/**
 * Reads the keys `token`, `username` and `password`; faults are added to the section's
 * problems. A user name without a password, or the reverse, is a fault: requests would go out
 * without credentials, and everything hidden from anonymous callers would look deleted.
 *
 * @param tokenWins - whether a token overrides the other two, as Backstage does for
 * integrations, instead of being refused beside them
 * @returns `undefined` where no credentials are set, or on a fault
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
  // Everything after the colon would be sent as the password (RFC 7617).
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
