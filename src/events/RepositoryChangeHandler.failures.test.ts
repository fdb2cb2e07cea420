/** Events while Bitbucket, the credentials, the catalog or the backend fail. */

import { FaultOptions } from '../../dev/simulatedBitbucket';
import { CATALOG_FILE, EventScene, startEvents } from './__testUtils__/eventScene';

const MINUTE = 60_000;
const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });
const REFUSED = { type: 'status', status: 401 } as const;
const WRONG_PASSWORD: FaultOptions['effect'] = {
  type: 'status',
  status: 401,
  exceptionName: 'com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException',
  message: 'Authentication failed. Please check your credentials and try again.',
};

/** When the repository itself was asked for, in milliseconds after the event. */
function attemptsOf({ bitbucket }: EventScene, sinceMs: number): number[] {
  return bitbucket.requests
    .filter(one => one.path.endsWith('/repos/api'))
    .map(one => one.time - sinceMs);
}

describe('a repository that may not be seen any more', () => {
  async function loseIt() {
    const scene = await startEvents();
    const { bitbucket, clock, idle, tell } = scene;
    const json = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.faults.add({ match: { repositorySlug: 'api' }, effect: REFUSED });
    const sinceMs = clock.now();
    await tell('repo:deleted', json);
    await idle();
    return { ...scene, sinceMs };
  }

  it('keeps its Locations, whatever the event says', async () => {
    const { first } = await loseIt();
    expect(first.mutations).toEqual([]);
    expect(first.holds()).toHaveLength(3);
  });

  it('is asked for again, within 5 seconds at first and then ever more rarely', async () => {
    const scene = await loseIt();
    const times = attemptsOf(scene, scene.sinceMs);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(times[0]).toBe(500);
    expect(gaps[0]).toBeLessThanOrEqual(5_000);
    expect(gaps[0]).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * MINUTE);
    expect(times.length).toBeLessThanOrEqual(12);
  });

  it('is given up after about 10 minutes, with one warning and nothing left behind', async () => {
    const scene = await loseIt();
    const last = attemptsOf(scene, scene.sinceMs).at(-1) ?? 0;
    expect(last).toBeGreaterThan(5 * MINUTE);
    expect(last).toBeLessThanOrEqual(10 * MINUTE + 1_000);
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^PAY\/api could not be looked at after an event; the next run/,
      ),
    ]);
    expect(scene.results).toEqual(['failed']);
    expect(scene.clock.sleeping).toBe(0);
    expect(scene.pending()).toBe(0);
  });

  it('is looked at again by a later event', async () => {
    const { bitbucket, first, idle, push } = await loseIt();
    bitbucket.faults.clear();
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('is told only once to somebody who delivers the event while it is retried', async () => {
    const scene = await startEvents();
    const { bitbucket, clock, idle, tell } = scene;
    bitbucket.faults.add({ match: { repositorySlug: 'api' }, effect: REFUSED });
    for (let minute = 0; minute < 3; minute += 1) {
      await tell('repo:deleted', { ...bitbucket.repositoryJson('PAY', 'api'), minute });
      await clock.advance(MINUTE);
    }
    await idle();
    expect(scene.logger.messages('warn')).toHaveLength(1);
  });
});

describe('while Bitbucket is down', () => {
  it.each<[string, FaultOptions['effect']]>([
    ['answers 503', { type: 'status', status: 503 }],
    ['resets connections', 'reset'],
    ['shows a login page', 'login-page'],
    ['cuts answers short', 'truncated-json'],
  ])('and %s, an event waits until it is back', async (_, effect) => {
    const { bitbucket, clock, idle, push, first, logger } = await startEvents();
    const change = bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    const fault = bitbucket.faults.add({ effect });
    await push('api', change);
    await clock.advance(MINUTE);
    expect(fault.hits).toBeGreaterThan(1);
    expect(first.holds()).toHaveLength(3);
    fault.remove();
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(logger.messages('warn')).toEqual([]);
  });
});

describe('while the catalog or the store fail', () => {
  it('an event is tried again and applied once', async () => {
    const { bitbucket, idle, push, first } = await startEvents();
    const { applyMutation } = first.connection;
    let failures = 2;
    first.connection.applyMutation = async mutation => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('the database is locked');
      }
      await applyMutation(mutation);
    };
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
  });

  it('what a failed mutation was to add is given by the next attempt', async () => {
    const { bitbucket, idle, push, first } = await startEvents({
      repositories: [here('new')],
    });
    const { applyMutation } = first.connection;
    let failures = 1;
    first.connection.applyMutation = async mutation => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('the database is locked');
      }
      await applyMutation(mutation);
    };
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await idle();
    expect(first.holds()).toContain('PAY/new');
  });
});

describe('a password that does not work any more', () => {
  async function breakPassword() {
    const scene = await startEvents();
    const { bitbucket, idle, push } = scene;
    bitbucket.faults.add({ effect: WRONG_PASSWORD });
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    return scene;
  }

  it('is tried once, with a warning that names the remedy', async () => {
    const { bitbucket, clock, logger, first } = await breakPassword();
    expect(bitbucket.requests).toHaveLength(1);
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(/PAY\/api.*Check username and password, or the token/),
    ]);
    expect(logger.text()).not.toContain('Tr0ub4dor');
    expect(first.mutations).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });

  it('is not tried by later events, of repositories and of projects', async () => {
    const scene = await breakPassword();
    const { bitbucket, clock, deliver, idle, modify, push } = scene;
    await clock.advance(MINUTE);
    await push('web', bitbucket.writeFile('PAY', 'web', CATALOG_FILE, 'x'));
    await modify('db', () => here('db'));
    const old = bitbucket.projectJson('PAY') ?? {};
    await deliver(bitbucket.webhook('project:modified', { projectKey: 'PAY', old }));
    await idle();
    expect(bitbucket.requests).toHaveLength(1);
    expect(scene.first.holds()).toHaveLength(3);
  });

  it('is tried again once a run got in', async () => {
    const { bitbucket, idle, push, first, run, forget } = await breakPassword();
    await expect(run()).rejects.toThrow('rejected the configured credentials');
    bitbucket.faults.clear();
    forget();
    await push('web', bitbucket.removeFile('PAY', 'web', CATALOG_FILE));
    await idle();
    expect(bitbucket.requests).toEqual([]);
    await run();
    await push('db', bitbucket.writeFile('PAY', 'db', CATALOG_FILE, 'y'));
    await idle();
    expect(first.holds()).toEqual(['PAY/db']);
    expect(first.refreshed).toEqual(['PAY/db']);
  });
});

describe('before the first run has begun', () => {
  it('an event changes nothing, and is answered once it has', async () => {
    const scene = await startEvents({ beforeFirstRun: true });
    const { bitbucket, clock, idle, push, first, run } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await clock.advance(30_000);
    expect(first.mutations).toEqual([]);
    expect(scene.results).toEqual([]);
    await run();
    expect(first.refreshed).toEqual([]);
    await idle();
    expect(first.refreshed).toEqual(['PAY/api']);
    expect(scene.results).toEqual(['evaluated']);
  });

  it('an event of which nothing is heard again leaves a warning', async () => {
    const scene = await startEvents({ beforeFirstRun: true });
    await scene.push('api');
    await scene.idle();
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringContaining('the first run has not begun yet'),
    ]);
    expect(scene.clock.sleeping).toBe(0);
  });
});

describe('a shutdown', () => {
  it.each([
    ['while events wait for others of a burst', 100],
    ['while Bitbucket is asked', 700],
    ['while a failed evaluation waits for its retry', 3_000],
    ['while a key rests', 6_000],
  ])('ends everything at once %s', async (_, ms) => {
    const scene = await startEvents();
    const { bitbucket, clock, push } = scene;
    bitbucket.settings.latencyMs = 400;
    bitbucket.faults.add({ match: { repositorySlug: 'web' }, effect: REFUSED });
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await push('web', bitbucket.writeFile('PAY', 'web', CATALOG_FILE, 'x'));
    await clock.advance(ms);
    expect(clock.sleeping).toBeGreaterThan(0);
    scene.shutDown();
    await clock.settle();
    expect(clock.sleeping).toBe(0);
    expect(scene.pending()).toBe(0);
    const before = bitbucket.requests.length;
    await push('db', bitbucket.writeFile('PAY', 'db', CATALOG_FILE, 'x'));
    await clock.advance(20 * MINUTE);
    expect(bitbucket.requests).toHaveLength(before);
    expect(scene.logger.messages('warn')).toEqual([]);
    expect(scene.logger.messages('error')).toEqual([]);
  });
});
