/*
 * Before all tests: finds a PostgreSQL for the database suites, and says whether they run.
 */
const net = require('node:net');

const VARIABLE = 'BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING';
const HOST = '127.0.0.1';
const PORT = 5432;
const LONGEST_WAIT_MS = 1000;

/** @returns {Promise<boolean>} whether something listens there */
function answers() {
  return new Promise(resolve => {
    const socket = net.connect({ host: HOST, port: PORT, timeout: LONGEST_WAIT_MS });
    const end = found => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

module.exports = async function setup() {
  if (!process.env[VARIABLE] && (await answers())) {
    process.env[VARIABLE] = `postgresql://postgres@${HOST}:${PORT}`;
  }
  console.log(
    process.env[VARIABLE]
      ? '\nPostgreSQL: the database suites run on SQLite and PostgreSQL.'
      : `\nPostgreSQL: SKIPPED, the database suites run on SQLite only. Set ${VARIABLE} or start one at ${HOST}:${PORT}.`,
  );
};
