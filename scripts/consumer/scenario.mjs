/** The checks of every installation. */

import { assert, check } from '../lib/checks.mjs';
import { run, tail } from '../lib/processes.mjs';
import {
  deliver,
  entityNames,
  startBackend,
  stopBackend,
  waitForComponents,
} from './backend.mjs';
import { PUSHED_SERVICE, SERVICES } from './bitbucket.mjs';

async function checkWebhook(backend) {
  const webhook = backend.bitbucket.push();
  const unsigned = await deliver(backend, {
    ...webhook,
    headers: { ...webhook.headers, 'X-Hub-Signature': 'sha256=00' },
  });
  assert(unsigned.status === 403, `a wrong signature was answered ${unsigned.status}`);
  const { status, text } = await deliver(backend, webhook);
  assert(status === 202, `the webhook was answered with ${status}: ${text}`);
  await waitForComponents(backend, [...SERVICES, PUSHED_SERVICE]);
}

async function checkParser(backend) {
  const parsed = await entityNames(
    backend,
    'kind=location,metadata.labels.parsed-for=PAY',
  );
  assert(
    parsed.length === SERVICES.length,
    `${parsed.length} Locations came from the location parser`,
  );
}

async function checkCommands({ env, url }, { cwd, command: [program, ...before] }) {
  const call = (...args) => run(program, [...before, ...args], { cwd, env });
  const { stdout: checked } = await call('check');
  assert(checked.includes(env.BITBUCKET_USERNAME), `check says:\n${checked}`);
  const { stdout } = await call('preview', '--json', '--against', url);
  const [preview] = JSON.parse(stdout).providers;
  const registered = preview.repositories
    .filter(repository => repository.outcome === 'registered')
    .map(repository => repository.repositorySlug);
  assert(
    registered.join() === [...SERVICES, PUSHED_SERVICE].sort().join(),
    `preview would register ${registered.join(', ')}`,
  );
  return `${preview.summary.locations} Locations with ${preview.requests.total} requests`;
}

const SECOND_COPY = '@backstage/plugin-catalog-node is installed twice';

function getLog({ output }) {
  return output.stdout + output.stderr;
}

/** Starts an installed backend in which this package and the catalog plugin use different copies. */
export async function checkSecondCopyIsNamed(options) {
  const backend = await startBackend(options);
  await waitForComponents(backend, SERVICES);
  const log = getLog(backend);
  await stopBackend(backend);
  assert(
    log.includes(SECOND_COPY) && log.includes('npm dedupe'),
    `its log does not report the second copy:\n${tail(backend.output)}`,
  );
}

/**
 * Starts an installed backend, uses it and requests its shutdown.
 *
 * @param options - those of `startBackend`; `command`: the command line of the package;
 * `parses`: whether this backend has the location parser
 * @returns the check that it has stopped, which may take a minute
 */
export async function checkBackend(title, options) {
  const backend = await startBackend(options);
  const discovered = await check(`${title}: starts and discovers`, async () => {
    await waitForComponents(backend, SERVICES);
    return SERVICES.join(', ');
  });
  if (discovered) {
    if (options.parses) {
      await check(`${title}: uses a location parser`, () => checkParser(backend));
    }
    await check(`${title}: a webhook adds a Component`, () => checkWebhook(backend));
    await check(`${title}: check and preview work`, () =>
      checkCommands(backend, options),
    );
  }
  const named = getLog(backend).includes(SECOND_COPY);
  const stopped = stopBackend(backend).then(() =>
    assert(!named, 'its log reports a second copy'),
  );
  stopped.catch(() => {});
  return () => check(`${title}: stops, and has logged no secret`, () => stopped);
}
