/**
 * What Bitbucket's JSON looks like, as far as discovery reads it. `unknown` comes in,
 * model types go out; only the used fields are named, and a strange optional field is
 * dropped rather than fatal.
 */

import { z } from 'zod';
import { FileChange, Project, Repository } from '../model';
import { isAddressable, isStorable, quote, storableText } from '../util/text';

/** Of a project, a repository or a branch, or an address. */
const Name = z.string().min(1).refine(isAddressable);

/** For people. */
const Text = z.string().transform(storableText);
const OptionalText = Text.optional().catch(undefined);

/** For messages. */
const Line = z.string().transform(text => quote(text));
const OptionalLine = Line.optional().catch(undefined);
const Flag = z.boolean().catch(false);

const Links = z
  .object({ self: z.array(z.object({ href: Name })).min(1) })
  .optional()
  .catch(undefined);

const WireProject = z.object({
  key: Name,
  id: z.number().int().optional().catch(undefined),
  type: OptionalText,
  public: Flag,
});

/** 20 hexadecimal digits in all recordings. */
const HierarchyId = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .optional()
  .catch(undefined);

const WireRepository = z.object({
  id: z.number().int(),
  slug: Name,
  hierarchyId: HierarchyId,
  name: OptionalText,
  description: OptionalText,
  state: OptionalLine,
  archived: Flag,
  public: Flag,
  origin: z.object({}).optional().catch(undefined),
  project: WireProject,
  links: Links,
});

const WirePage = z.object({
  values: z.array(z.unknown()),
  isLastPage: z.boolean(),
  limit: z.number().int().positive().optional().catch(undefined),
  nextPageStart: z.number().int().nullish().catch(undefined),
});

const WireError = z.object({
  message: z.string().nullish().catch(undefined),
  exceptionName: z.string().nullish().catch(undefined),
});

/** Bitbucket sends one, or one for each field that is wrong; no more are looked at. */
const MAX_ERRORS = 20;

const WireErrors = z.object({
  errors: z
    .array(z.unknown())
    .transform(errors => errors.slice(0, MAX_ERRORS))
    .pipe(z.array(WireError).min(1)),
});

const WireMessage = z.object({ message: z.string() });

const WireLabeled = z.object({
  id: z.number().int(),
  labelableType: z.literal('REPOSITORY').optional(),
});

const WireLabel = z.object({ name: z.string().min(1).pipe(Text) });

const WireFileType = z.object({ type: z.string() });

const WireRef = z.object({ id: Name.startsWith('refs/heads/') });

const WirePath = z.object({ toString: z.string().min(1).refine(isStorable) });

const WireChange = z.object({
  type: z.string(),
  path: WirePath,
  srcPath: WirePath.nullish().catch(undefined),
});

/** Any numbers: what cannot be meant is said aloud by who paces requests by them. */
const WireTokenBucket = z.object({ capacity: z.number(), fillRate: z.number() });

const WireRateLimitSettings = z.object({
  enabled: z.boolean(),
  defaultSettings: WireTokenBucket,
});

const WireUserRateLimitSettings = z.object({
  settings: WireTokenBucket.nullish().catch(undefined),
  whitelisted: Flag,
});

const WireApplicationProperties = z.object({
  version: z.string().min(1).pipe(Line),
  displayName: OptionalLine,
});

/** One page of a listing, its items not yet looked at. */
export interface Page {
  readonly values: readonly unknown[];
  readonly isLastPage: boolean;
  /** What the server really used; it clamps silently. */
  readonly limit?: number;
  readonly nextPageStart?: number;
}

/** An error of Bitbucket's own: what its JSON error body says. */
export interface ServerError {
  readonly message?: string;
  /** Fully qualified, such as `com.atlassian.bitbucket.content.NoSuchPathException`. */
  readonly exceptionName?: string;
}

/** The server's rate limit for everybody. */
export interface RateLimitSettings {
  readonly enabled: boolean;
  readonly capacity: number;
  /** Tokens per second. */
  readonly fillRate: number;
}

/** The exception from it for one user. */
export interface UserRateLimitSettings {
  readonly whitelisted: boolean;
  readonly bucket?: { readonly capacity: number; readonly fillRate: number };
}

function parseWith<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** @returns `undefined` when the value cannot be identified as a repository */
export function parseRepository(value: unknown): Repository | undefined {
  const wire = parseWith(WireRepository, value);
  if (!wire) {
    return undefined;
  }
  return {
    id: wire.id,
    projectKey: wire.project.key,
    slug: wire.slug,
    hierarchyId: wire.hierarchyId,
    name: wire.name ?? wire.slug,
    description: wire.description,
    state: wire.state,
    archived: wire.archived,
    fork: wire.origin !== undefined,
    personal: isPersonal(wire.project),
    public: wire.public || wire.project.public,
    selfUrl: wire.links?.self[0]?.href,
  };
}

/**
 * @returns the repository's id; `undefined` when the value is no labelled repository
 *
 * Source: `RestLabelable`, Bitbucket Data Center 10.0 OpenAPI.
 */
export function parseLabeledId(value: unknown): number | undefined {
  return parseWith(WireLabeled, value)?.id;
}

/** @returns in lower case, as Bitbucket has labels; `undefined` when the value is none */
export function parseLabelName(value: unknown): string | undefined {
  return parseWith(WireLabel, value)?.name.toLowerCase();
}

/** @returns `undefined` when the value is no project */
export function parseProject(value: unknown): Project | undefined {
  const wire = parseWith(WireProject, value);
  return wire && { id: wire.id, key: wire.key, personal: isPersonal(wire) };
}

function isPersonal(project: { key: string; type?: string }): boolean {
  return project.type === 'PERSONAL' || project.key.startsWith('~');
}

/** @returns `undefined` when the value is no page */
export function parsePage(value: unknown): Page | undefined {
  const wire = parseWith(WirePage, value);
  return wire && { ...wire, nextPageStart: wire.nextPageStart ?? undefined };
}

/** @returns an empty list when the value is not Bitbucket's error body */
export function parseServerErrors(value: unknown): readonly ServerError[] {
  const wire = parseWith(WireErrors, value);
  return (wire?.errors ?? []).map(error => ({
    message: error.message ?? undefined,
    exceptionName: error.exceptionName ?? undefined,
  }));
}

/** @returns what a body says that is not Bitbucket's own, such as `{"message":"Forbidden"}` */
export function parseServerMessage(value: unknown): string | undefined {
  return parseWith(WireMessage, value)?.message;
}

/** @returns `FILE`, `DIRECTORY`, `SUBMODULE` or whatever else the server says */
export function parseFileType(value: unknown): string | undefined {
  return parseWith(WireFileType, value)?.type;
}

/** Source: `GET /application-properties`, Bitbucket Data Center 10.0 OpenAPI. */
export function parseApplicationProperties(
  value: unknown,
): { version: string; displayName?: string } | undefined {
  return parseWith(WireApplicationProperties, value);
}

/**
 * @returns the short name of a branch; `undefined` when the value is no branch
 *
 * Source: `RestMinimalRef`, Bitbucket Data Center 10.0 OpenAPI.
 */
export function parseBranchName(value: unknown): string | undefined {
  return parseWith(WireRef, value)?.id.slice('refs/heads/'.length);
}

/**
 * @returns `undefined` when the value is no change of a file
 *
 * Source: `RestChange`, Bitbucket Data Center 10.0 OpenAPI.
 */
export function parseFileChange(value: unknown): FileChange | undefined {
  const wire = parseWith(WireChange, value);
  if (!wire) {
    return undefined;
  }
  const path = wire.path.toString;
  const formerPath = wire.srcPath?.toString;
  switch (wire.type) {
    case 'ADD':
    case 'COPY':
      return { kind: 'added', path };
    case 'DELETE':
      return { kind: 'deleted', path };
    case 'MOVE':
      return formerPath === undefined ? undefined : { kind: 'moved', path, formerPath };
    case 'MODIFY':
      return { kind: 'modified', path };
    default:
      return undefined;
  }
}

/** Source: `GET /admin/rate-limit/settings`, Bitbucket Data Center 10.0 OpenAPI. */
export function parseRateLimitSettings(value: unknown): RateLimitSettings | undefined {
  const wire = parseWith(WireRateLimitSettings, value);
  return wire && { enabled: wire.enabled, ...wire.defaultSettings };
}

/** Source: `GET /admin/rate-limit/settings/users/{userSlug}`, Bitbucket Data Center 10.0 OpenAPI. */
export function parseUserRateLimitSettings(
  value: unknown,
): UserRateLimitSettings | undefined {
  const wire = parseWith(WireUserRateLimitSettings, value);
  return wire && { whitelisted: wire.whitelisted, bucket: wire.settings ?? undefined };
}
