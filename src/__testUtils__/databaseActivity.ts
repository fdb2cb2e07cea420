/** Counts the queries of databases in this process, so that a fake clock waits for them. For tests. */

import type { Knex } from 'knex';

let count = 0;

/** The number of queries and answers of watched databases. */
export function databaseActivity(): number {
  return count;
}

/** Counts the activity of a database. */
export function watchActivity(knex: Knex): Knex {
  for (const event of ['query', 'query-response', 'query-error']) {
    knex.on(event, () => {
      count += 1;
    });
  }
  return knex;
}
