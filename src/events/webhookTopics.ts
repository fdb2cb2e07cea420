/**
 * Under which topics and keys Bitbucket's webhooks arrive on the events service. Pure;
 * knows headers and topics, nothing of the payloads but their `eventKey`.
 *
 * Some installations publish everything on the plain topic `bitbucketServer`, some also on
 * `bitbucketServer.<event key>`. Events that reach a process through Backstage's event bus
 * carry no metadata at all, only topic and payload.
 */

import { z } from 'zod';

/** The plain topic, on which the HTTP ingress publishes. */
export const WEBHOOK_TOPIC = 'bitbucketServer';

/**
 * The events that say something about repositories.
 *
 * Source: Atlassian, "Event payload" (8.9, 8.15). `project:modified` is what servers
 * accept, although that page spells it `proj:modified`. `repo:created` and `repo:deleted`
 * are events for apps, which may pass them on.
 */
export const REPOSITORY_EVENT_KEYS = [
  'repo:refs_changed',
  'repo:modified',
  'repo:forked',
  'repo:created',
  'repo:deleted',
  'project:modified',
  'mirror:repo_synchronized',
] as const;
export type RepositoryEventKey = (typeof REPOSITORY_EVENT_KEYS)[number];

/** What "Test connection" sends, with the body `{"test": true}` and nothing else. */
export const PING_EVENT_KEY = 'diagnostics:ping';

/**
 * Every topic to subscribe to.
 *
 * @remarks One webhook may arrive on two of them; the first replica to claim it handles it.
 */
export const WEBHOOK_TOPICS: readonly string[] = [
  WEBHOOK_TOPIC,
  ...REPOSITORY_EVENT_KEYS.map(key => `${WEBHOOK_TOPIC}.${key}`),
];

/** Strict, because keys become part of topics and of log lines. */
const EVENT_KEY = /^[\w:.-]{1,100}$/;

const SUB_TOPIC = `${WEBHOOK_TOPIC}.`;

const BodyWithEventKey = z.object({ eventKey: z.string() });
const Headers = z.record(z.string(), z.unknown());

/** Whether a text can be an event key, known or not. */
export function isEventKey(text: unknown): text is string {
  return typeof text === 'string' && EVENT_KEY.test(text);
}

/**
 * A header of the webhook request.
 *
 * @param metadata - of the event, header names in any case
 * @param name - in lower case
 * @returns `undefined` where it is missing or sent more than once
 */
export function webhookHeader(metadata: unknown, name: string): string | undefined {
  const headers = Headers.safeParse(metadata);
  if (!headers.success) {
    return undefined;
  }
  const values = Object.entries(headers.data)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value);
  const [value] = values;
  return values.length === 1 && typeof value === 'string' ? value : undefined;
}

/**
 * Which event this is: what the sub-topic says, else the header `X-Event-Key`, else the
 * payload itself.
 *
 * @param topic - on which the event arrived
 * @param metadata - of the event, header names in any case
 * @param payload - the body, of any shape
 * @returns `undefined` where nothing names an event, or the topic is not Bitbucket's
 *
 * Source: Atlassian, "Event payload" (8.9, 8.15): header `X-Event-Key`, member `eventKey`,
 * which the body of a ping lacks.
 */
export function findEventKey(
  topic: string,
  metadata: unknown,
  payload: unknown,
): string | undefined {
  if (topic !== WEBHOOK_TOPIC && !topic.startsWith(SUB_TOPIC)) {
    return undefined;
  }
  const subTopic = topic.slice(SUB_TOPIC.length);
  const header = webhookHeader(metadata, 'x-event-key');
  const inBody = BodyWithEventKey.safeParse(payload).data?.eventKey;
  return [subTopic, header, inBody].find(isEventKey);
}
