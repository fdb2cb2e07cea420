/** Finds a PostgreSQL server for the tests. CommonJS, like Jest's setup. */

const net = require('node:net');

const VARIABLE = 'BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING';
const HOST = '127.0.0.1';
const PORT = 5432;
const MAX_WAIT_MS = 1000;
const REMEDY = `set ${VARIABLE} or start one at ${HOST}:${PORT}`;

/** @returns {Promise<boolean>} whether a server listens there */
function answers() {
  return new Promise(resolve => {
    const socket = net.connect({ host: HOST, port: PORT, timeout: MAX_WAIT_MS });
    const end = found => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

/** @returns {Promise<string | undefined>} the URL of a server on which databases may be created */
async function findPostgres() {
  if (process.env[VARIABLE]) {
    return process.env[VARIABLE];
  }
  return (await answers()) ? `postgresql://postgres@${HOST}:${PORT}` : undefined;
}

module.exports = { VARIABLE, REMEDY, findPostgres };
