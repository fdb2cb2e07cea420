/*
 * Before all tests: finds a PostgreSQL for the database suites, and says whether they run.
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
