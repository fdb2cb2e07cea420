/** Names of the tables of providers, and formats of their columns. */

import { z } from 'zod';
import { storableText } from '../util/text';

export const PROVIDERS = 'bitbucket_server_discovery_providers';
export const REPOSITORIES = 'bitbucket_server_discovery_repositories';
export const HELD = 'bitbucket_server_discovery_held';
export const FOREIGN_FILES = 'bitbucket_server_discovery_foreign_files';
export const PROGRESS = 'bitbucket_server_discovery_progress';

/** PostgreSQL returns 64-bit numbers as strings. */
export const BigNumber = z.coerce.number().int();

/**
 * Parses a column that contains JSON, which may be broken or too deeply nested to be
 * parsed.
 */
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

/** Returns a comparable form of a project key or slug: Bitbucket ignores their case. */
export function toSortKey(text: string): string {
  return storableText(text).toLowerCase();
}
