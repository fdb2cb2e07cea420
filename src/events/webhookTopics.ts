/**
 * Topics and keys under which Bitbucket's webhooks arrive on the events service. Pure; reads
 * headers and topics, and only `eventKey` of the payloads.
 *
 * Some installations publish everything on the plain topic `bitbucketServer`, some also on
 * `bitbucketServer.<event key>`. Events that reach a process through Backstage's event bus
 * have no metadata at all, only topic and payload.
 */

import { z } from 'zod';

/** The plain topic, on which the HTTP ingress publishes. */
export const WEBHOOK_TOPIC = 'bitbucketServer';

/**
 * The events about repositories.
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

/** The event of "Test connection", whose body is just `{"test": true}`. */
export const PING_EVENT_KEY = 'diagnostics:ping';

/**
 * All topics to subscribe to.
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

/** Whether a value has the form of an event key, known or not. */
export function isEventKey(text: unknown): text is string {
  return typeof text === 'string' && EVENT_KEY.test(text);
}

/**
 * Returns a header of the webhook request.
 *
 * @param metadata - metadata of the event, header names in any case
 * @param name - name of the header in lower case
 * @returns `undefined` if it is missing or was sent more than once
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
 * Returns the event key, from the sub-topic, else from the header `X-Event-Key`, else from the
 * payload.
 *
 * @param topic - topic on which the event arrived
 * @param metadata - metadata of the event, header names in any case
 * @param payload - the body, of any shape
 * @returns `undefined` if nothing names an event, or the topic is not Bitbucket's
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
