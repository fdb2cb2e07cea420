/**
 * The webhooks of projects: created and listed, never sent; `webhooks.ts` builds the requests
 * that Bitbucket would send.
 * Source: Bitbucket Data Center 10.0 OpenAPI; recorded answers (`configuration.secret`);
 * event keys as live servers accept them.
 */
import { z } from 'zod';
import { BitbucketException, notPermitted } from '../errors';
import type { SimulatedModel } from '../model';
import { requireProject } from './lookup';
import { type Reply, type Route, type RouteContext, jsonReply } from './route';

const EVENT_KEYS = [
  'repo:refs_changed',
  'repo:modified',
  'repo:forked',
  'mirror:repo_synchronized',
  'project:modified',
] as const;

const Webhook = z.strictObject({
  name: z.string().min(1),
  url: z.url(),
  active: z.boolean().default(true),
  events: z.array(z.enum(EVENT_KEYS)).min(1),
  configuration: z.record(z.string(), z.string()).default({}),
  sslVerificationRequired: z.boolean().default(true),
});

/** By project. */
const webhooks = new WeakMap<SimulatedModel, Map<string, object[]>>();

/** Needs PROJECT_ADMIN. */
function readWebhooks(context: RouteContext): object[] {
  const { model, viewer } = context;
  const { lowerKey } = requireProject(context);
  if (!viewer.holds('REPO_ADMIN')) {
    throw notPermitted();
  }
  const all = webhooks.get(model) ?? new Map<string, object[]>();
  webhooks.set(model, all);
  const own = all.get(lowerKey) ?? [];
  all.set(lowerKey, own);
  return own;
}

function listWebhooks(context: RouteContext): Reply {
  const values = readWebhooks(context);
  const page = { size: values.length, limit: 25, isLastPage: true, start: 0, values };
  return jsonReply(JSON.stringify(page));
}

function createWebhook(context: RouteContext, body: string): Reply {
  const own = readWebhooks(context);
  const webhook = parseWebhook(body);
  const created = { id: own.length + 1, ...webhook, scopeType: 'project' };
  own.push(created);
  return jsonReply(JSON.stringify(created));
}

function parseWebhook(body: string): z.infer<typeof Webhook> {
  try {
    return Webhook.parse(JSON.parse(body));
  } catch (error) {
    throw new BitbucketException('ArgumentValidationException', `${error}`);
  }
}

/** Since 8.8; before that only repositories have them. */
export const projectWebhookRoutes: readonly Route[] = [
  {
    template: '/api/latest/projects/{projectKey}/webhooks',
    kind: 'other',
    query: [],
    since: '8.8',
    answer: listWebhooks,
    post: createWebhook,
  },
];
