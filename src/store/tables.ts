/** The tables of what providers know, and how values lie in their columns. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { storableText } from '../util/text';

export const PROVIDERS = 'bitbucket_server_discovery_providers';
export const REPOSITORIES = 'bitbucket_server_discovery_repositories';
export const HELD = 'bitbucket_server_discovery_held';
export const FOREIGN_FILES = 'bitbucket_server_discovery_foreign_files';
export const PROGRESS = 'bitbucket_server_discovery_progress';

/** PostgreSQL gives 64-bit numbers as text. */
export const BigNumber = z.coerce.number().int();

/** A column that holds JSON, which may be broken, or nested too deeply to be looked through. */
export function jsonColumn<T extends z.ZodType>(schema: T) {
  return z.string().transform((text, context): z.output<T> => {
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      context.addIssue('not the JSON that is written here');
      return z.NEVER;
    }
  });
}

/** Comparable form of a project key or slug: Bitbucket disregards their case. */
export function toSortKey(text: string): string {
  return storableText(text).toLowerCase();
}

/** A URL may be longer than what every database takes as a key. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
