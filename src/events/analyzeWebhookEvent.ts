/**
 * Extracts from a webhook the change and its repository. Pure and total: returns an answer for
 * any input, in time linear in its size; only the named fields are read. Its sender is
 * checked and its relevance decided elsewhere (`createWebhookValidator.ts`, `relevance.ts`).
 *
 * Webhooks do not contain the files that a push changed or whether the branch is the default
 * one. Without an app, none is sent about creation, deletion and a new default branch.
 *
 * Source: Atlassian, "Event payload" (8.9, 8.15), and recorded payloads from 2017 to 10.x.
 */

import { z } from 'zod';
import { isAddressable } from '../util/text';
import {
  ChangedRepository,
  RefChange,
  RepositoryChange,
  WebhookAnalysis,
} from './repositoryChanges';
import { isEventKey, PING_EVENT_KEY, RepositoryEventKey } from './webhookTopics';

/**
 * Keys and slugs become segments of URLs, so those that cannot exist in Bitbucket are refused.
 *
 * Source: Java API of Bitbucket 9.6, `Project.getKey` (128 characters at most there);
 * Atlassian, "What is a repository slug?".
 */
const ProjectKey = z.string().regex(/^(?:~[\w.-]{1,256}|[a-zA-Z][\w-]{0,255})$/);
const RepositorySlug = z.string().regex(/^[a-zA-Z0-9][\w.-]{0,255}$/);

const Id = z.number().int().nonnegative().optional().catch(undefined);

/** Payloads of old servers have no links; an unreadable link counts as a missing one. */
const SelfUrl = z
  .object({
    self: z.tuple([z.object({ href: z.string().min(1).max(2048) })], z.unknown()),
  })
  .transform(({ self }) => self[0].href)
  .optional()
  .catch(undefined);

const Repository = z
  .object({
    id: Id,
    slug: RepositorySlug,
    project: z.object({ key: ProjectKey }),
    links: SelfUrl,
  })
  .transform(({ id, slug, project, links }): ChangedRepository => ({
    id,
    projectKey: project.key,
    slug,
    selfUrl: links,
  }));

const Project = z.object({ id: Id, key: ProjectKey, links: SelfUrl });

/** SHA-1, or possibly SHA-256 in the future. */
const Hash = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i);

const Ref = z
  .object({
    ref: z.object({
      id: z.string().min(1).refine(isAddressable),
      type: z.enum(['BRANCH', 'TAG']),
    }),
    fromHash: Hash,
    toHash: Hash,
    type: z.enum(['ADD', 'UPDATE', 'DELETE']),
  })
  .transform(({ ref, fromHash, toHash, type }): RefChange => ({
    refId: ref.id,
    kind: ref.type,
    change: type,
    fromHash,
    toHash,
  }));

const Refs = z.array(z.unknown());
const AboutRepository = z.object({ repository: Repository });
/** An unreadable `old` state must not make the `new` one unusable. */
const Modified = z.object({
  old: Repository.optional().catch(undefined),
  new: Repository,
});
const ProjectModified = z.object({
  old: Project.optional().catch(undefined),
  new: Project,
});

/** A rename keeps the id. */
function isSame(states: { old?: { id?: number }; new: { id?: number } }): boolean {
  const [before, after] = [states.old?.id, states.new.id];
  return before === undefined || after === undefined || before === after;
}
const NOT_SAME = 'old and new are not the same';

const aboutRepository = (type: 'created' | 'forked' | 'deleted') =>
  AboutRepository.transform(({ repository }) => ({ type, repository }));

const CHANGES: Readonly<Record<RepositoryEventKey, z.ZodType<RepositoryChange>>> = {
  'repo:refs_changed': AboutRepository.extend({ changes: Refs }).transform(
    ({ repository, changes }) => toPush(repository, changes),
  ),
  // Lists no changes if there were more than the mirror reports.
  'mirror:repo_synchronized': AboutRepository.extend({
    refLimitExceeded: z.boolean().catch(false),
    changes: Refs.catch([]),
  }).transform(({ repository, changes, refLimitExceeded }) =>
    toPush(repository, refLimitExceeded ? [] : changes),
  ),
  'repo:modified': Modified.refine(isSame, NOT_SAME).transform(
    ({ old, new: repository }) => {
      const { projectKey, slug } = repository;
      const hasMoved = old && (old.projectKey !== projectKey || old.slug !== slug);
      const formerAddress = hasMoved
        ? { projectKey: old.projectKey, slug: old.slug }
        : undefined;
      return { type: 'modified', repository, formerAddress };
    },
  ),
  'repo:forked': aboutRepository('forked'),
  'repo:created': aboutRepository('created'),
  'repo:deleted': aboutRepository('deleted'),
  'project:modified': ProjectModified.refine(isSame, NOT_SAME).transform(
    ({ old, new: project }) => {
      const formerKey = old?.key === project.key ? undefined : old?.key;
      const { id, key, links: selfUrl } = project;
      return { type: 'project-modified', key, formerKey, id, selfUrl };
    },
  ),
};

/** A map, because an object would find `constructor` too. */
const CHANGES_BY_KEY = new Map<string, z.ZodType<RepositoryChange>>(
  Object.entries(CHANGES),
);

/**
 * Extracts the change from a webhook.
 *
 * @param eventKey - from `findEventKey`; `undefined` if nothing names the event
 * @param payload - the body, of any shape
 */
export function analyzeWebhookEvent(
  eventKey: string | undefined,
  payload: unknown,
): WebhookAnalysis {
  if (!isEventKey(eventKey)) {
    const reason = 'neither topic nor header nor body name an event';
    return { kind: 'malformed', reason };
  }
  if (eventKey === PING_EVENT_KEY) {
    return { kind: 'ignored', reason: 'a test of the connection' };
  }
  const parsed = CHANGES_BY_KEY.get(eventKey)?.safeParse(payload);
  if (!parsed) {
    return { kind: 'ignored', reason: `${eventKey} is irrelevant to discovery` };
  }
  return parsed.success
    ? { kind: 'change', change: parsed.data }
    : { kind: 'malformed', reason: describeIssue(parsed.error) };
}

/** The path consists of names from the schemas above, never of content that was sent. */
function describeIssue({ issues: [issue] }: z.ZodError): string {
  if (issue && issue.path.length > 0) {
    return `the payload has no readable ${issue.path.join('.')}`;
  }
  return issue?.code === 'custom' ? issue.message : 'the payload is not an object';
}

/**
 * Converts the refs of a push. An unreadable ref makes the change unknown, since it may be the
 * relevant one.
 *
 * @remarks An empty list is sent after a manual merge of a remote pull request, a failed
 * synchronization of a fork, or by a mirror with too many refs: then anything may have
 * changed.
 */
function toPush(
  repository: ChangedRepository,
  changes: readonly unknown[],
): RepositoryChange {
  const refs: RefChange[] = [];
  for (const change of changes) {
    const parsed = Ref.safeParse(change);
    if (!parsed.success) {
      return { type: 'unknown', repository };
    }
    refs.push(parsed.data);
  }
  return refs.length > 0
    ? { type: 'pushed', repository, refs }
    : { type: 'unknown', repository };
}
