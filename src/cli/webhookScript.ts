/** Generates the shell script that creates the webhooks in Bitbucket. Pure. */

import { toWebBase } from '../util/parseUrls';

/** The number of keys on one line of the script. */
const KEYS_PER_LINE = 10;

/** The events that discovery uses; see README, "Webhooks". */
const EVENTS = ['repo:refs_changed', 'repo:modified', 'repo:forked', 'project:modified'];

/** A project key; none of its characters has a meaning in a quoted shell text. */
const PROJECT_KEY = /^[A-Za-z][\w-]*$/;

/** The projects that get a webhook, and its receiver. */
export interface WebhookScriptOptions {
  /** The discovered projects; personal projects and invalid keys are skipped. */
  readonly projectKeys: readonly string[];
  /** The API of Bitbucket, from the integration. */
  readonly apiBaseUrl: string;
  /** The address of the backend; if unknown, the script has an example to replace. */
  readonly backstageUrl?: string;
}

/**
 * Returns a script for a POSIX shell that adds a webhook to each project that does not have
 * one for this Backstage yet.
 *
 * @remarks The script takes the token of a project administrator and the secret from the
 * environment: the account of discovery may only read, and the output must not contain a secret.
 *
 * Source: Bitbucket Data Center 10.0 OpenAPI, `POST /projects/{key}/webhooks`.
 *
 * @returns `undefined` if there is no project to add a webhook to
 */
export function webhookScript(options: WebhookScriptOptions): string | undefined {
  const keys = [...new Set(options.projectKeys)].filter(key => PROJECT_KEY.test(key));
  if (keys.length === 0) {
    return undefined;
  }
  const api = options.apiBaseUrl.replace(/\/[^/]*\/*$/, '/latest');
  const { backstageUrl = 'https://backstage.example.com' } = options;
  const backend = toWebBase(backstageUrl) ?? backstageUrl;
  const body = JSON.stringify({
    name: 'Backstage',
    url: '$receiver',
    active: true,
    events: EVENTS,
    configuration: { secret: '$BITBUCKET_WEBHOOK_SECRET' },
  }).replaceAll('"', '\\"');
  return [
    `api=${quote(`${api}/projects`)}`,
    `receiver=${quote(`${backend}/api/events/http/bitbucketServer`)}`,
    `for key in ${toLines(keys).join(' \\\n  ')}; do`,
    '  curl -fsS -H "Authorization: Bearer $BITBUCKET_ADMIN_TOKEN" "$api/$key/webhooks" |',
    '    grep -F "\\"$receiver\\"" >/dev/null && echo "$key: has one" && continue',
    '  curl -fsS -o /dev/null -X POST -H "Authorization: Bearer $BITBUCKET_ADMIN_TOKEN" \\',
    `    -H 'Content-Type: application/json' -d "${body}" \\`,
    '    "$api/$key/webhooks" && echo "$key: created" || echo "$key: not created"',
    'done',
  ].join('\n');
}

function toLines(keys: readonly string[]): string[] {
  const lines: string[] = [];
  for (let start = 0; start < keys.length; start += KEYS_PER_LINE) {
    lines.push(keys.slice(start, start + KEYS_PER_LINE).join(' '));
  }
  return lines;
}

/** Quotes a text as one word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
