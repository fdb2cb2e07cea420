/**
 * Builds the webhook requests that Bitbucket would send about the simulated content. Used by
 * the demo and the tests of the event endpoints; this module sends nothing.
 *
 * Source of the shapes: Atlassian, "Event payload" (8.9, 8.15); recorded payloads.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { NO_COMMIT, type RefChange, toRefId } from './git';
import type { SimulatedModel } from './model';
import type { Json, JsonObject, RepositoryJson } from './repositoryJson';

/** The repository of a webhook. */
export interface RepositoryReference {
  readonly projectKey: string;
  readonly slug: string;
}

/** The parameters of each event, by its key. */
export interface WebhookDetails {
  /** `changes` may be empty, which occurs in practice and means "unknown". */
  'repo:refs_changed': RepositoryReference & {
    readonly changes: readonly (RefChange & { readonly type?: 'BRANCH' | 'TAG' })[];
  };
  /** `old` is the repository as `repositoryJson` showed it before the change. */
  'repo:modified': RepositoryReference & { readonly old: JsonObject };
  /** The fork, not its origin. */
  'repo:forked': RepositoryReference;
  /** `old` is the project as `projectJson` showed it before the change. */
  'project:modified': { readonly projectKey: string; readonly old: JsonObject };
  /** With `refLimitExceeded` Bitbucket omits the changes. */
  'mirror:repo_synchronized': RepositoryReference & {
    readonly changes?: readonly RefChange[];
    readonly refLimitExceeded?: boolean;
  };
  'diagnostics:ping': object;
}

/** Keys of the events that can be built. */
export type WebhookEventKey = keyof WebhookDetails;

/** A webhook request, ready to be sent with POST. */
export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a webhook is sent. */
export interface WebhookDelivery {
  /** Signs the body: `X-Hub-Signature: sha256=<HMAC in hexadecimal digits>`. */
  readonly secret?: string;
  /** The acting user. Default: the server's first user. */
  readonly actor?: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

type Builders = {
  readonly [K in WebhookEventKey]: (details: WebhookDetails[K]) => JsonObject;
};

/** Builds one webhook request. */
export function buildWebhook<K extends WebhookEventKey>(
  model: SimulatedModel,
  json: RepositoryJson,
  eventKey: K,
  details: WebhookDetails[K],
  { secret, actor, now }: WebhookDelivery,
): WebhookRequest {
  const builders: Builders = createBuilders(model, json);
  const payload = builders[eventKey](details);
  const userName = actor ?? [...model.users.values()][0]?.name ?? 'jdoe';
  const body = JSON.stringify(
    eventKey === 'diagnostics:ping'
      ? payload
      : { eventKey, date: toDate(now), actor: json.user(userName), ...payload },
  );
  const signature = createHmac('sha256', secret ?? '')
    .update(body)
    .digest('hex');
  return {
    body,
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'X-Event-Key': eventKey,
      'X-Request-Id': randomUUID(),
      ...(secret !== undefined && { 'X-Hub-Signature': `sha256=${signature}` }),
    },
  };
}

function createBuilders(model: SimulatedModel, json: RepositoryJson): Builders {
  const repository = ({ projectKey, slug }: RepositoryReference) =>
    json.repository(model.getRepository(projectKey, slug));
  return {
    'repo:refs_changed': details => ({
      repository: repository(details),
      changes: details.changes.map(toChangeJson),
    }),
    'repo:modified': details => ({ old: details.old, new: repository(details) }),
    'repo:forked': details => ({ repository: repository(details) }),
    'project:modified': ({ projectKey, old }) => {
      const project = model.findProject(projectKey);
      return { old, new: project && json.project(project) };
    },
    'mirror:repo_synchronized': ({
      changes = [],
      refLimitExceeded = false,
      ...details
    }) => ({
      mirrorServer: { id: 'ABCD-1234-EFGH-5678', name: 'Mirror' },
      syncType: 'INCREMENTAL',
      refLimitExceeded,
      repository: repository(details),
      changes: refLimitExceeded ? [] : changes.map(toChangeJson),
    }),
    'diagnostics:ping': () => ({ test: true }),
  };
}

function toChangeJson({
  branch,
  fromHash,
  toHash,
  type = 'BRANCH',
}: RefChange & { readonly type?: 'BRANCH' | 'TAG' }): Json {
  const id = type === 'TAG' ? `refs/tags/${branch}` : toRefId(branch);
  const kind =
    fromHash === NO_COMMIT ? 'ADD' : toHash === NO_COMMIT ? 'DELETE' : 'UPDATE';
  return {
    ref: { id, displayId: branch, type },
    refId: id,
    fromHash,
    toHash,
    type: kind,
  };
}

/** `yyyy-MM-dd'T'HH:mm:ssZ` with a numeric offset, as in recorded payloads. */
function toDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+0000`;
}
