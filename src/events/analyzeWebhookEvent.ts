/**
 * From a webhook to what happened to which repository. Pure and total: whatever comes in,
 * an answer comes out, in time linear in its size. Who sent it and whether it matters is
 * decided elsewhere (`signature.ts`, `decideRelevance.ts`).
 *
 * What webhooks cannot tell: which files a push changed (no payload lists them), whether the
 * branch is the default one, and, without an app, creation, deletion and a new default branch.
 */

import { RepositoryAddress } from '../model';
import {
  ChangedRepository,
  RepositoryChange,
  WebhookAnalysis,
} from './repositoryChanges';
import {
  MirrorPayload,
  parsePayload,
  parseRefChanges,
  ProjectModifiedPayload,
  RefsChangedPayload,
  RepositoryModifiedPayload,
  RepositoryPayload,
} from './webhookPayloads';
import { isEventKey, PING_EVENT_KEY, RepositoryEventKey } from './webhookTopics';

type Analyze = (payload: unknown) => WebhookAnalysis;

const ANALYZERS: Readonly<Record<RepositoryEventKey, Analyze>> = {
  'repo:refs_changed': analyzeRefsChanged,
  'repo:modified': analyzeRepositoryModified,
  'repo:forked': payload => analyzeRepository(payload, 'forked'),
  'repo:created': payload => analyzeRepository(payload, 'created'),
  'repo:deleted': payload => analyzeRepository(payload, 'deleted'),
  'project:modified': analyzeProjectModified,
  'mirror:repo_synchronized': analyzeMirrorSynchronized,
};

/** A map, because an object would find `constructor` too. */
const ANALYZERS_BY_KEY: ReadonlyMap<string, Analyze> = new Map(Object.entries(ANALYZERS));

/**
 * What a webhook says happened.
 *
 * @param eventKey - from `eventKeyOf`; `undefined` where nothing names the event
 * @param payload - the body, of any shape
 *
 * Source: Atlassian, "Event payload" (8.9, 8.15), and recorded payloads.
 */
export function analyzeWebhookEvent(
  eventKey: string | undefined,
  payload: unknown,
): WebhookAnalysis {
  if (!isEventKey(eventKey)) {
    return malformed('neither topic nor header nor body name an event');
  }
  if (eventKey === PING_EVENT_KEY) {
    return ignored('a test of the connection');
  }
  const analyze = ANALYZERS_BY_KEY.get(eventKey);
  return analyze?.(payload) ?? ignored(`${eventKey} has no bearing on discovery`);
}

function analyzeRefsChanged(payload: unknown): WebhookAnalysis {
  const parsed = parsePayload(RefsChangedPayload, payload);
  return parsed.readable ? changed(toPush(parsed.value)) : malformed(parsed.reason);
}

function analyzeMirrorSynchronized(payload: unknown): WebhookAnalysis {
  const parsed = parsePayload(MirrorPayload, payload);
  if (!parsed.readable) {
    return malformed(parsed.reason);
  }
  const { repository, changes, refLimitExceeded } = parsed.value;
  return changed(toPush({ repository, changes: refLimitExceeded ? [] : changes }));
}

/**
 * Refs that changed.
 *
 * @remarks An empty list is sent after a manual merge of a remote pull request, a failed
 * synchronization of a fork, or by a mirror with too many refs: then anything may have
 * changed.
 */
function toPush({
  repository,
  changes,
}: {
  repository: ChangedRepository;
  changes: readonly unknown[];
}): RepositoryChange {
  const refs = parseRefChanges(changes) ?? [];
  return refs.length > 0
    ? { type: 'pushed', repository, refs }
    : { type: 'unknown', repository };
}

function analyzeRepositoryModified(payload: unknown): WebhookAnalysis {
  const parsed = parsePayload(RepositoryModifiedPayload, payload);
  if (!parsed.readable) {
    return malformed(parsed.reason);
  }
  const { old, new: repository } = parsed.value;
  if (areDifferent(old, repository)) {
    return malformed('old and new are two repositories');
  }
  const was = old && { projectKey: old.projectKey, slug: old.slug };
  return changed({
    type: 'modified',
    repository,
    ...(was && !isSameAddress(was, repository) && { was }),
  });
}

function analyzeRepository(
  payload: unknown,
  type: 'created' | 'forked' | 'deleted',
): WebhookAnalysis {
  const parsed = parsePayload(RepositoryPayload, payload);
  return parsed.readable
    ? changed({ type, repository: parsed.value.repository })
    : malformed(parsed.reason);
}

function analyzeProjectModified(payload: unknown): WebhookAnalysis {
  const parsed = parsePayload(ProjectModifiedPayload, payload);
  if (!parsed.readable) {
    return malformed(parsed.reason);
  }
  const { old, new: project } = parsed.value;
  if (areDifferent(old, project)) {
    return malformed('old and new are two projects');
  }
  return changed({
    type: 'project-modified',
    key: project.key,
    ...(old && old.key !== project.key && { formerKey: old.key }),
    ...(project.id !== undefined && { id: project.id }),
    ...(project.links !== undefined && { selfUrl: project.links }),
  });
}

/** A rename keeps the id. */
function areDifferent(one: { id?: number } | undefined, other: { id?: number }): boolean {
  return one?.id !== undefined && other.id !== undefined && one.id !== other.id;
}

function isSameAddress(one: RepositoryAddress, other: RepositoryAddress): boolean {
  return one.projectKey === other.projectKey && one.slug === other.slug;
}

function changed(change: RepositoryChange): WebhookAnalysis {
  return { kind: 'changes', changes: [change] };
}

function ignored(reason: string): WebhookAnalysis {
  return { kind: 'ignored', reason };
}

function malformed(reason: string): WebhookAnalysis {
  return { kind: 'malformed', reason };
}
