/** A separate PostgreSQL database for one backend. */

import knexFactory from 'knex';
import { Skipped } from '../lib/checks.mjs';
import { findPostgres, REMEDY } from '../lib/postgres.js';

/** @returns its URL, and how to drop it */
export async function createDatabase() {
  const server = await findPostgres();
  if (!server) {
    throw new Skipped(`there is no PostgreSQL: ${REMEDY}`);
  }
  const connection = new URL('/postgres', server).href;
  const admin = knexFactory({ client: 'pg', connection });
  const database = `bitbucket_consumer_${process.pid}_${Date.now()}`;
  await admin.raw('CREATE DATABASE ??', [database]);
  return {
    url: new URL(`/${database}`, server).href,
    async drop() {
      await admin.raw('DROP DATABASE ?? WITH (FORCE)', [database]);
      await admin.destroy();
    },
  };
}
