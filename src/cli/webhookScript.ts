/** The commands that create the webhooks in Bitbucket, for somebody who may. Pure. */

import { toWebBase } from '../util/parseUrls';

/** Keys on one line of the script. */
const KEYS_PER_LINE = 10;

/** What discovery makes use of; see README, "Webhooks". */
const EVENTS = ['repo:refs_changed', 'repo:modified', 'repo:forked', 'project:modified'];

/** What a key consists of; nothing of it means anything to a shell between quotes. */
const PROJECT_KEY = /^[A-Za-z][\w-]*$/;

/** Where webhooks are created, and where they go. */
export interface WebhookScriptOptions {
  /** Those that are found; personal projects and what is no key are passed over. */
  readonly projectKeys: readonly string[];
  /** Of the integration. */
  readonly apiBaseUrl: string;
  /** Of the backend; the reader has to fill it in where it is not known. */
  readonly backstageUrl?: string;
}

/**
 * A script for a POSIX shell that adds a webhook to each project that has none for this
 * Backstage yet.
 *
 * @remarks It takes the token of a project administrator and the secret from the
 * environment: the account of discovery may only read, and a secret has no place in an output.
 *
 * Source: Bitbucket Data Center 10.0 OpenAPI, `POST /projects/{key}/webhooks`.
 *
 * @returns `undefined` where there is no project to add one to
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

/** As one word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
