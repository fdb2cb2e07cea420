/**
 * Schemas of the parts of Bitbucket's JSON that are read. `unknown` comes in, model types go
 * out; only the used fields are named, and an invalid optional field is dropped rather than
 * fatal. Source: Bitbucket Data Center 10.0 OpenAPI, and recorded answers.
 */

import { z } from 'zod';
import { FileChange, Project, Repository } from '../model';
import { getFields, isFields, isText } from '../util/fields';
import { isAddressable, isStorable, quote, storableText } from '../util/text';

/** Parses a value; returns `undefined` when it does not match the schema. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** An optional field; `undefined` also where it is `null` or of another type. */
function optional<T>(schema: z.ZodType<T>) {
  return schema
    .nullish()
    .catch(undefined)
    .transform(value => value ?? undefined);
}

function isName(value: unknown): value is string {
  return isText(value) && value !== '' && isAddressable(value);
}

/** The name of a project, a repository or a branch. */
const Name = z.string().refine(isName);

/** Text for people, possibly of several lines. */
const Text = z.string().transform(storableText);

/** Text for messages, quoted on one line. */
const Line = z.string().transform(text => quote(text));

const Flag = z.boolean().catch(false);

/** Properties of a repository that location parsers use and discovery does not. */
export const RepositoryDetails = z.object({
  links: z
    .record(z.string(), z.array(z.object({ href: z.string() })).catch([]))
    .catch({}),
  defaultBranch: optional(Text),
});

/** {@link readRepository} as a schema. */
export const RepositoryRow = z.unknown().transform((value, context): Repository => {
  const repository = readRepository(value);
  if (!repository) {
    context.addIssue('not a repository');
    return z.NEVER;
  }
  return repository;
});

/**
 * Reads the fields of a repository that all its representations share.
 *
 * @remarks By hand: a listing may have a hundred thousand of them.
 */
export function readRepository(value: unknown): Repository | undefined {
  const wire = getFields(value);
  const project = getFields(wire.project);
  const { id, slug, name, hierarchyId } = wire;
  if (!isInteger(id) || !isName(slug) || !isName(project.key)) {
    return undefined;
  }
  return {
    id,
    projectKey: project.key,
    slug,
    hierarchyId: isHierarchyId(hierarchyId) ? hierarchyId : undefined,
    // Often equal, and then in memory only once.
    name: name === slug ? slug : (readText(name) ?? slug),
    description: readText(wire.description),
    state: isText(wire.state) ? quote(wire.state) : undefined,
    archived: wire.archived === true,
    fork: isFields(wire.origin),
    personal: isPersonal(project.key, project.type),
    public: wire.public === true || project.public === true,
    selfUrl: findSelfUrl(getFields(wire.links).self),
  };
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** 20 hexadecimal digits in all recordings. */
function isHierarchyId(value: unknown): value is string {
  return isText(value) && /^[\w-]{1,64}$/.test(value);
}

function readText(value: unknown): string | undefined {
  return isText(value) ? storableText(value) : undefined;
}

function isLink(value: unknown): value is { readonly href: string } {
  return isText(getFields(value).href);
}

function findSelfUrl(links: unknown): string | undefined {
  const url = Array.isArray(links) && links.every(isLink) ? links[0]?.href : undefined;
  return url && isAddressable(url) ? url : undefined;
}

export const ProjectRow = z
  .object({
    key: Name,
    id: optional(z.number().int()),
    type: optional(Text),
  })
  .transform(({ id, key, type }): Project => ({
    id,
    key,
    personal: isPersonal(key, type),
  }));

function isPersonal(key: string, type: unknown): boolean {
  return type === 'PERSONAL' || key.startsWith('~');
}

/** Repository and project may both grant public access; where neither does, only users see the repository. */
export const PrivateRow = z.object({
  slug: z.string(),
  public: z.literal(false),
  project: z.object({ public: z.literal(false).optional() }),
});

/** One page of a listing; its items are not yet parsed. */
export const WirePage = z.object({
  values: z.custom<unknown[]>(Array.isArray),
  isLastPage: z.boolean(),
  size: optional(z.number().int()),
  start: optional(z.number().int()),
  /** The limit that the server really used; it clamps silently. */
  limit: optional(z.number().int().positive()),
  nextPageStart: optional(z.number().int()),
});

/** See {@link WirePage}. */
export type Page = Pick<z.output<typeof WirePage>, 'values' | 'isLastPage'> &
  Partial<z.output<typeof WirePage>>;

/** Bitbucket sends one error, or one for each invalid field; any more are ignored. */
const MAX_ERRORS = 20;

/** The errors of a `RestErrors`; never empty. */
export const ServerErrors = z
  .object({
    errors: z
      .array(z.unknown())
      .transform(errors => errors.slice(0, MAX_ERRORS))
      .pipe(
        z
          .array(
            z.object({
              message: optional(z.string()),
              /** Fully qualified: `com.atlassian.bitbucket.content.NoSuchPathException`. */
              exceptionName: optional(z.string()),
            }),
          )
          .min(1),
      ),
  })
  .transform(({ errors }) => errors);

/** The message of a body that is not Bitbucket's own, such as `{"message":"Forbidden"}`. */
export const ServerMessage = z
  .object({ message: z.string() })
  .transform(({ message }) => message);

/** The id of a labelled repository, from a `RestLabelable`. */
export const LabeledId = z
  .object({ id: z.number().int(), labelableType: z.literal('REPOSITORY').optional() })
  .transform(({ id }) => id);

/** The name of a label in lower case, as Bitbucket stores labels. */
export const LabelName = z
  .object({ name: z.string().min(1) })
  .transform(({ name }) => storableText(name.toLowerCase()));

/** `FILE`, `DIRECTORY`, `SUBMODULE`, or any other type that the server names. */
export const FileType = z.object({ type: z.string() }).transform(({ type }) => type);

/** The size of a file, in bytes. */
export const FileSize = z
  .object({ size: z.number().int().nonnegative() })
  .transform(({ size }) => size);

/** The id of a `RestCommit`: SHA-1, or SHA-256 where repositories use that. */
export const CommitId = z
  .object({ id: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/) })
  .transform(({ id }) => id);

/** A `RestMinimalRef` that is a branch. */
export const WireBranch = z.object({ id: Name.startsWith('refs/heads/') });

/** The short name of a branch. */
export const BranchName = WireBranch.transform(({ id }) =>
  id.slice('refs/heads/'.length),
);

/** Git allows every character but NUL. */
const Path = z.object({ toString: z.string().min(1).refine(isStorable) });

/** A `RestChange`; `undefined` for a type that is not about files. */
export const ChangeRow = z
  .object({ type: z.string(), path: Path, srcPath: optional(Path) })
  .transform((wire): FileChange | undefined => {
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
  });

/**
 * `fillRate` is in tokens per second. Accepts any numbers: the limiter warns about
 * implausible ones.
 */
const TokenBucket = z.object({ capacity: z.number(), fillRate: z.number() });

/** The server's default rate limit. */
export const RateLimitSettings = z
  .object({ enabled: z.boolean(), defaultSettings: TokenBucket })
  .transform(({ enabled, defaultSettings }) => ({ enabled, ...defaultSettings }));

/** The rate limit setting of one user, which overrides the default. */
export const UserRateLimitSettings = z
  .object({ settings: optional(TokenBucket), whitelisted: Flag })
  .transform(({ settings, whitelisted }) => ({ whitelisted, bucket: settings }));

export const ApplicationProperties = z.object({
  version: z.string().min(1).pipe(Line),
  displayName: optional(Line),
});
