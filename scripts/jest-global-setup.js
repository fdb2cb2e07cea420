/*
 * Runs before all tests: finds a PostgreSQL server for the database suites, and prints whether
 * they use one.
 */
const { findPostgres, REMEDY, VARIABLE } = require('./lib/postgres');

module.exports = async function setup() {
  const url = await findPostgres();
  if (url) {
    process.env[VARIABLE] = url;
  }
  console.log(
    url
      ? '\nPostgreSQL: the database suites run on SQLite and PostgreSQL.'
      : `\nPostgreSQL: SKIPPED, the database suites run on SQLite only: ${REMEDY}.`,
  );
};
