/** Bitbucket's answers as others are given them. `unknown` comes in. */

import { z } from 'zod';
import {
  BitbucketServerDefaultBranch,
  BitbucketServerPagedResponse,
  BitbucketServerProject,
  BitbucketServerRepository,
} from './types';

const Text = z.string().catch('');
const Flag = z.boolean().catch(false);
const Links = z.array(z.object({ href: z.string() })).catch([]);

export const WireProject: z.ZodType<BitbucketServerProject> = z.object({
  key: z.string().min(1),
});

export const WireRepository: z.ZodType<BitbucketServerRepository> = z
  .object({
    id: z.number().int(),
    project: z.object({ key: z.string().min(1), public: Flag }),
    slug: z.string().min(1),
    name: Text,
    description: Text,
    links: z.record(z.string(), Links).catch({}),
    archived: Flag,
    public: Flag,
    origin: z.object({}).optional().catch(undefined),
    defaultBranch: z.string().optional().catch(undefined),
  })
  .transform(({ origin, project, defaultBranch, ...repository }) => ({
    ...repository,
    project: { key: project.key },
    public: repository.public || project.public,
    fork: origin !== undefined,
    ...(defaultBranch !== undefined && { defaultBranch }),
  }));

export const WireDefaultBranch: z.ZodType<BitbucketServerDefaultBranch> = z.object({
  id: z.string().min(1),
  displayId: z.string().min(1),
  type: Text,
  latestCommit: Text,
  latestChangeset: Text,
  isDefault: z.boolean().catch(true),
});

/** Far above what Bitbucket puts on a page; what has more is not read row by row. */
const MAX_ROWS = 100_000;

/** Rows that are all as they should be. */
function wireRows<T>(row: z.ZodType<T>) {
  return z.array(z.unknown()).max(MAX_ROWS).pipe(z.array(row));
}

/** A page whose rows are all as they should be. */
export function wirePage<T>(
  row: z.ZodType<T>,
): z.ZodType<BitbucketServerPagedResponse<T>> {
  return z
    .object({
      size: z.number().catch(0),
      limit: z.number().catch(0),
      start: z.number().catch(0),
      isLastPage: z.boolean(),
      values: wireRows(row),
      nextPageStart: z.number().nullish(),
    })
    .transform(page => ({ ...page, nextPageStart: page.nextPageStart ?? undefined }));
}

export const WireLabels = z.object({
  values: wireRows(z.object({ name: z.string().min(1) })),
});
