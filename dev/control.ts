/**
 * Acts as the developer of the demo: on request it "pushes" to the simulated Bitbucket,
 * which then delivers its signed webhook to Backstage.
 */

import { createServer, type Server } from 'node:http';
import { componentYaml } from './seed';
import type { SimulatedBitbucket, WebhookRequest } from './simulatedBitbucket';

/** The source and the destination of a webhook. */
export interface ControlOptions {
  readonly bitbucket: SimulatedBitbucket;
  /** Signs the webhook, as Bitbucket does. */
  readonly secret: string;
  /** For example `http://localhost:7007/api/events/http/bitbucketServer`. */
  readonly webhookUrl: string;
}

/** `POST /push/<project key>/<repository slug>` */
const PUSH = /^\/push\/([^/]+)\/([^/]+)$/;

/** Creates the server; the caller makes it listen. */
export function createControl(options: ControlOptions): Server {
  return createServer((request, response) => {
    const [, projectKey, slug] = PUSH.exec(request.url ?? '') ?? [];
    if (request.method !== 'POST' || projectKey === undefined || slug === undefined) {
      response.writeHead(404).end('POST /push/<project key>/<repository slug>\n');
      return;
    }
    push(options, projectKey, slug).then(
      text => response.writeHead(200).end(text),
      error => response.writeHead(500).end(`${error}\n`),
    );
  });
}

/** Adds a catalog file and delivers the webhook that Bitbucket would send. */
async function push(
  { bitbucket, secret, webhookUrl }: ControlOptions,
  projectKey: string,
  slug: string,
): Promise<string> {
  const content = componentYaml(slug, 'Pushed just now');
  const change = bitbucket.writeFile(projectKey, slug, 'catalog-info.yaml', content);
  const webhook = bitbucket.webhook(
    'repo:refs_changed',
    { projectKey, slug, changes: [change] },
    { secret },
  );
  const status = await deliver(webhookUrl, webhook);
  return [
    `Pushed catalog-info.yaml to ${projectKey}/${slug}.`,
    `Bitbucket's webhook, signed (${webhook.headers['X-Hub-Signature']}), was answered with ${status}.`,
    '',
  ].join('\n');
}

async function deliver(url: string, { headers, body }: WebhookRequest): Promise<number> {
  const response = await fetch(url, { method: 'POST', headers: { ...headers }, body });
  return response.status;
}
