/**
 * The bodies of webhooks, as far as discovery reads them. `unknown` comes in, our own types
 * go out; nothing here throws or descends further than the fields it names, however large or
 * deep the payload is.
 *
 * Source: Atlassian, "Event payload" (8.9, 8.15), and recorded payloads from 2017 to 10.x.
 */

import { z } from 'zod';
import { ChangedRepository, RefChange } from './repositoryChanges';

/**
 * Keys and slugs become segments of addresses, so what Bitbucket cannot have is asked
 * nowhere.
 *
 * Source: Java API of Bitbucket 9.6, `Project.getKey` (128 characters at most there);
 * Atlassian, "What is a repository slug?".
 */
const ProjectKey = z.string().regex(/^(?:~[\w.-]{1,256}|[a-zA-Z][\w-]{0,255})$/);
const RepositorySlug = z.string().regex(/^[a-zA-Z0-9][\w.-]{0,255}$/);

const Id = z.number().int().nonnegative().optional().catch(undefined);

/** Payloads of old servers have no links; a link that cannot be read counts as none. */
const Links = z
  .object({
    self: z.tuple([z.object({ href: z.string().min(1).max(2048) })], z.unknown()),
  })
  .transform(({ self }) => self[0].href)
  .optional()
  .catch(undefined);

const WireRepository = z
  .object({
    id: Id,
    slug: RepositorySlug,
    project: z.object({ key: ProjectKey }),
    links: Links,
  })
  .transform(({ id, slug, project, links }): ChangedRepository => ({
    projectKey: project.key,
    slug,
    ...(id !== undefined && { id }),
    ...(links !== undefined && { selfUrl: links }),
  }));

const WireProject = z.object({ id: Id, key: ProjectKey, links: Links });

/** SHA-1, or SHA-256 one day. */
const Hash = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i);

const WireRefChange = z
  .object({
    ref: z.object({
      id: z.string().min(1),
      displayId: z.string().min(1).optional().catch(undefined),
      type: z.enum(['BRANCH', 'TAG']),
    }),
    fromHash: Hash,
    toHash: Hash,
    type: z.enum(['ADD', 'UPDATE', 'DELETE']),
  })
  .transform(({ ref, fromHash, toHash, type }): RefChange => ({
    refId: ref.id,
    displayId: ref.displayId ?? ref.id.replace(/^refs\/(heads|tags)\//, ''),
    kind: ref.type,
    change: type,
    fromHash,
    toHash,
  }));

const Changes = z.array(z.unknown());

/** `repo:forked`, `repo:created`, `repo:deleted`. */
export const RepositoryPayload = z.object({ repository: WireRepository });

/** `repo:refs_changed`. Its items are looked at one by one: see `parseRefChanges`. */
export const RefsChangedPayload = RepositoryPayload.extend({ changes: Changes });

/** `mirror:repo_synchronized`: no changes where there were more than the mirror tells. */
export const MirrorPayload = RepositoryPayload.extend({
  refLimitExceeded: z.boolean().catch(false),
  changes: Changes.catch([]),
});

/** `repo:modified`. A state before that cannot be read is no reason to miss the one after. */
export const RepositoryModifiedPayload = z.object({
  old: WireRepository.optional().catch(undefined),
  new: WireRepository,
});

/** `project:modified`. */
export const ProjectModifiedPayload = z.object({
  old: WireProject.optional().catch(undefined),
  new: WireProject,
});

/** A payload that was read, or the place where it cannot be. */
export type ParsedPayload<T> =
  | { readonly readable: true; readonly value: T }
  | { readonly readable: false; readonly reason: string };

/** Reads a payload; never throws. */
export function parsePayload<T>(
  schema: z.ZodType<T>,
  payload: unknown,
): ParsedPayload<T> {
  const result = schema.safeParse(payload);
  if (result.success) {
    return { readable: true, value: result.data };
  }
  // The path is made of names in the schemas above, never of what was sent.
  const path = result.error.issues[0]?.path.join('.');
  const reason = path
    ? `the payload has no readable ${path}`
    : 'the payload is not an object';
  return { readable: false, reason };
}

/**
 * The refs a push touched.
 *
 * @returns `undefined` where one cannot be read: it may be the one that matters
 */
export function parseRefChanges(changes: readonly unknown[]): RefChange[] | undefined {
  const refs: RefChange[] = [];
  for (const change of changes) {
    const parsed = WireRefChange.safeParse(change);
    if (!parsed.success) {
      return undefined;
    }
    refs.push(parsed.data);
  }
  return refs;
}
