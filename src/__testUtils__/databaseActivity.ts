/** Counts what databases in this process are asked, so that a fake clock waits for it. For tests. */

import type { Knex } from 'knex';

let count = 0;

/** How often a watched database was asked or has answered. */
export function databaseActivity(): number {
  return count;
}

/** Watches a database. */
export function watchActivity(knex: Knex): Knex {
  for (const event of ['query', 'query-response', 'query-error']) {
    knex.on(event, () => {
      count += 1;
    });
  }
  return knex;
}
