/** What in an answer a stranger could not have been given. Pure. */

import { z } from 'zod';
import { Answer } from './Answer';
import { parsePage } from './wire';

/** Public access lies with the repository or its project; where neither has it, only users may look. */
const PrivateRow = z.object({
  slug: z.string(),
  public: z.literal(false),
  project: z.object({ public: z.literal(false).optional() }),
});

/** One will do, and a page that is not Bitbucket's may have any number. */
const MAX_LOOKED_AT = 1_000;

/**
 * Whether a page of repositories shows one that is not public.
 *
 * Source: `public` of `RestRepository` and `RestProject`, Bitbucket Data Center 10.0
 * OpenAPI; personal projects have none in recorded answers.
 */
export function showsPrivateRepository(answer: Answer): boolean {
  const page = answer.read(parsePage);
  const rows = page?.values.slice(0, MAX_LOOKED_AT) ?? [];
  return rows.some(row => PrivateRow.safeParse(row).success);
}
