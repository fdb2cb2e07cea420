/** Events while Bitbucket, the credentials, the catalog or the backend fail. */

import { finishedRun, storeRun } from '../__testUtils__/reportData';
import { FaultOptions } from '../../dev/simulatedBitbucket';
import { CATALOG_FILE, EventScene, startEvents } from './__testUtils__/eventScene';
import { pushPayload } from './__testUtils__/payloads';

const MINUTE = 60_000;
const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });
/** Not Bitbucket's own word: a proxy says as much. */
const REFUSED = { type: 'status', status: 403 } as const;
const WRONG_PASSWORD: FaultOptions['effect'] = {
  type: 'status',
  status: 401,
  exceptionName: 'com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException',
  message: 'Authentication failed. Please check your credentials and try again.',
};

/** Bitbucket's own word: the account may not see it. */
const NOT_PERMITTED: FaultOptions['effect'] = {
  type: 'status',
  status: 401,
  exceptionName: 'com.atlassian.bitbucket.AuthorisationException',
  message: 'You are not permitted to access this resource',
};

/** When the repository itself was asked for, in milliseconds after the event. */
function getAttempts({ bitbucket }: EventScene, sinceMs: number): number[] {
  return bitbucket.requests
    .filter(request => request.path.endsWith('/repos/api'))
    .map(request => request.time - sinceMs);
}

describe('a repository with too many files', () => {
  it('is checked once per event, and keeps its Locations', async () => {
    const scene = await startEvents({
      config: { catalogPath: '/**/catalog-info.yaml', maxFilesPerRepository: 1 },
    });
    const { bitbucket, first, idle, logger, push, asked } = scene;
    const path = 'docs/catalog-info.yaml';

    await push('api', bitbucket.writeFile('PAY', 'api', path, 'kind: Component'));
    await idle();

    expect(asked()['files-listing']).toBe(1);
    expect(first.holds()).toHaveLength(3);
    expect(logger.messages('warn')).toEqual([
      expect.stringContaining('2 files match catalogPath'),
    ]);
    await push('api', bitbucket.removeFile('PAY', 'api', path));
    await idle();
    expect(first.refreshed).toEqual(['PAY/api']);
  });
});

describe('a repository refused by something other than Bitbucket', () => {
  async function loseIt() {
    const scene = await startEvents();
    const { bitbucket, clock, idle, deliverAppEvent } = scene;
    const json = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.faults.add({ match: { repositorySlug: 'api' }, effect: REFUSED });
    const sinceMs = clock.now();
    await deliverAppEvent('repo:deleted', json);
    await idle();
    return { ...scene, sinceMs };
  }

  it('keeps its Locations, whatever the event reports', async () => {
    const { first } = await loseIt();
    expect(first.mutations).toEqual([]);
    expect(first.holds()).toHaveLength(3);
  });

  it('is requested again within 5 seconds, and then at growing intervals', async () => {
    const scene = await loseIt();
    const times = getAttempts(scene, scene.sinceMs);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(times[0]).toBe(500);
    expect(gaps[0]).toBeLessThanOrEqual(5_000);
    expect(gaps[0]).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * MINUTE);
    expect(times.length).toBeLessThanOrEqual(12);
  });

  it('is given up after about 10 minutes, with one warning and no remaining state', async () => {
    const scene = await loseIt();
    const last = getAttempts(scene, scene.sinceMs).at(-1) ?? 0;
    expect(last).toBeGreaterThan(5 * MINUTE);
    expect(last).toBeLessThanOrEqual(10 * MINUTE + 1_000);
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^PAY\/api could not be checked after an event; the next run/,
      ),
    ]);
    expect(scene.results).toEqual(['failed']);
    expect(scene.clock.sleeping).toBe(0);
  });

  it('is checked again by a later event', async () => {
    const { bitbucket, first, idle, push } = await loseIt();
    bitbucket.faults.clear();
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('is handled once if the event is delivered again during retries', async () => {
    const scene = await startEvents();
    const { bitbucket, clock, idle, deliverAppEvent } = scene;
    bitbucket.faults.add({ match: { repositorySlug: 'api' }, effect: REFUSED });
    for (let minute = 0; minute < 3; minute += 1) {
      await deliverAppEvent('repo:deleted', {
        ...bitbucket.repositoryJson('PAY', 'api'),
        minute,
      });
      await clock.advance(MINUTE);
    }
    await idle();
    expect(scene.logger.messages('warn')).toHaveLength(1);
  });
});

describe('a repository that the account may not see according to Bitbucket', () => {
  async function refuseIt(slug = 'api') {
    const scene = await startEvents({ slugs: ['api', 'web', 'db'] });
    scene.bitbucket.faults.add({
      match: { repositorySlug: slug },
      effect: NOT_PERMITTED,
    });
    return scene;
  }

  it.each([['main'], ['feature/x']])(
    'is requested once, whichever of its branches is pushed to: %s',
    async branch => {
      const scene = await refuseIt();
      const { bitbucket, idle, push, asked } = scene;
      await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x', branch));
      await idle();
      expect(asked()).toEqual({ 'default-branch': 1 });
      expect(scene.first.holds()).toHaveLength(3);
      expect(scene.results).toEqual(['failed']);
      expect(scene.logger.messages('warn')).toEqual([
        expect.stringMatching(/^PAY\/api could not be checked.*not permitted/),
      ]);
    },
  );

  it('is also requested once if the event is not a push', async () => {
    const scene = await refuseIt();
    await scene.deliverAppEvent(
      'repo:deleted',
      scene.bitbucket.repositoryJson('PAY', 'api'),
    );
    await scene.idle();
    expect(scene.asked()).toEqual({ repository: 1 });
    expect(scene.results).toEqual(['failed']);
  });

  it('is ignored for ten minutes, however many events arrive, then requested again', async () => {
    const scene = await refuseIt();
    const { bitbucket, clock, asked, push } = scene;
    for (let minute = 0; minute < 10; minute += 1) {
      await push('api', bitbucket.writeFile('PAY', 'api', 'x', `${minute}`));
      await clock.advance(MINUTE);
    }
    expect(asked()).toEqual({ 'default-branch': 1 });
    expect(scene.logger.messages('warn')).toHaveLength(1);
    await push('api', bitbucket.writeFile('PAY', 'api', 'x', 'at last'));
    await scene.idle();
    expect(asked()).toEqual({ 'default-branch': 2 });
  });

  it('does not keep another one from being checked', async () => {
    const { bitbucket, first, idle, push } = await refuseIt();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await push('web', bitbucket.writeFile('PAY', 'web', CATALOG_FILE, 'x'));
    await idle();
    expect(first.refreshed).toEqual(['PAY/web']);
  });
});

describe('a project that the account may not see', () => {
  it('is listed once, and then ignored for ten minutes', async () => {
    const scene = await startEvents();
    const { bitbucket, clock, deliver, idle, asked } = scene;
    const match = { kind: 'project-repositories' } as const;
    bitbucket.faults.add({ match, effect: NOT_PERMITTED });
    const old = bitbucket.projectJson('PAY') ?? {};
    for (let minute = 0; minute < 10; minute += 1) {
      await deliver(bitbucket.webhook('project:modified', { projectKey: 'PAY', old }));
      await clock.advance(MINUTE);
    }
    expect(asked()['project-repositories']).toBe(1);
    await deliver(bitbucket.webhook('project:modified', { projectKey: 'PAY', old }));
    await idle();
    expect(asked()['project-repositories']).toBe(2);
    expect(scene.first.holds()).toHaveLength(3);
  });
});

describe('an unknown repository', () => {
  const unknownTo = ({ bitbucket }: EventScene, slug: string) => {
    const json = JSON.stringify(bitbucket.repositoryJson('PAY', 'api'));
    const repository: object = JSON.parse(json.replaceAll('api', slug));
    return pushPayload({ repository: { ...repository, id: 4_711 } });
  };

  it.each([
    ['does not exist', undefined],
    ['may not be seen', NOT_PERMITTED],
  ])('that %s causes one request for any number of pushes', async (_, effect) => {
    const scene = await startEvents();
    if (effect) {
      scene.bitbucket.faults.add({ match: { repositorySlug: 'nobody' }, effect });
    }
    for (let minute = 0; minute < 9; minute += 1) {
      await scene.deliverPayload({ ...unknownTo(scene, 'nobody'), minute });
      await scene.clock.advance(MINUTE);
    }
    expect(scene.asked()).toEqual({ repository: 1 });
    expect(scene.logger.messages('warn')).toEqual([]);
    expect(new Set(scene.results.slice(1))).toEqual(new Set(['ignored']));
  });

  it('that exists causes no request for its default branch', async () => {
    const scene = await startEvents({ repositories: [here('new')] });
    const { bitbucket, push, idle, first, asked } = scene;
    await storeRun(scene.store, 'default', finishedRun(), []);
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x', 'feature/x'));
    await idle();
    expect(asked()).toEqual({ repository: 1, 'file-check': 1 });
    expect(first.mutations).toEqual([]);
  });

  it('that the filters exclude by its own fields causes only the request for itself', async () => {
    const scene = await startEvents({ config: { filters: { skipArchivedRepos: true } } });
    const { bitbucket, push, idle, asked } = scene;
    bitbucket.addRepository({ ...here('old'), archived: true });
    await push('old', bitbucket.writeFile('PAY', 'old', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()).toEqual({ repository: 1 });
  });
});

describe('an address that Bitbucket has just reported as missing', () => {
  async function pushToNothing() {
    const scene = await startEvents();
    const { bitbucket } = scene;
    const json = JSON.stringify(bitbucket.repositoryJson('PAY', 'api'));
    const repository: object = JSON.parse(json.replaceAll('api', 'new'));
    await scene.deliverPayload(pushPayload({ repository: { ...repository, id: 4_711 } }));
    await scene.idle();
    expect(scene.first.holds()).toEqual(['PAY/api', 'PAY/db', 'PAY/web']);
    return scene;
  }

  it('is checked again immediately if a repository was renamed to it', async () => {
    const { bitbucket, deliver, first, idle } = await pushToNothing();
    const old = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.renameRepository('PAY', 'api', 'new');
    await deliver(bitbucket.webhook('repo:modified', { ...here('new'), old }));
    await idle();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/new', 'PAY/web']);
  });

  it('is checked again immediately if a repository was created there', async () => {
    const { bitbucket, first, idle, deliverAppEvent } = await pushToNothing();
    bitbucket.addRepository({ ...here('new'), files: { [CATALOG_FILE]: 'x' } });
    await deliverAppEvent('repo:created', bitbucket.repositoryJson('PAY', 'new'));
    await idle();
    expect(first.holds()).toEqual(['PAY/api', 'PAY/db', 'PAY/new', 'PAY/web']);
  });

  it('is not checked again if a repository there was reported as deleted', async () => {
    const { asked, bitbucket, idle, deliverAppEvent } = await pushToNothing();
    bitbucket.addRepository({ ...here('new'), files: { [CATALOG_FILE]: 'x' } });
    await deliverAppEvent('repo:deleted', bitbucket.repositoryJson('PAY', 'new'));
    await idle();
    expect(asked()).toEqual({ repository: 1 });
  });
});

describe('a flood of events about unknown repositories', () => {
  async function flood(count: number) {
    const scene = await startEvents({ bitbucket: { latencyMs: 100 } });
    const json = JSON.stringify(scene.bitbucket.repositoryJson('PAY', 'api'));
    for (let index = 0; index < count; index += 1) {
      const repository: object = JSON.parse(json.replaceAll('api', `nobody-${index}`));
      const payload = pushPayload({ repository: { ...repository, id: 10_000 + index } });
      await scene.deliverPayload(payload);
    }
    return scene;
  }

  it('causes at most one request each, first a burst of 60 and then one per second', async () => {
    const scene = await flood(1_500);
    await scene.clock.advance(MINUTE);
    expect(scene.asked().repository).toBeLessThanOrEqual(60 + 60);
    await scene.idle();
    expect(Object.keys(scene.asked())).toEqual(['repository']);
    expect(scene.asked().repository).toBeLessThanOrEqual(1_061);
    expect(scene.results).toHaveLength(1_500);
    expect(scene.clock.sleeping).toBe(0);
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringMatching(/^More than 1000 unknown repositories from events wait/),
    ]);
  });

  it('does not delay a push to a known one', async () => {
    const scene = await flood(1_500);
    const { bitbucket, clock, first, push } = scene;
    await clock.advance(2_000);
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await clock.advance(2_000);
    expect(first.refreshed).toEqual(['PAY/api']);
    scene.shutDown();
    await clock.settle();
    expect(clock.sleeping).toBe(0);
  });

  it('delays a new repository only until it has ended', async () => {
    const scene = await flood(100);
    const { bitbucket, first, idle, push } = scene;
    bitbucket.addRepository({ ...here('new'), files: { [CATALOG_FILE]: 'x' } });
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'y'));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
  });
});

describe('while Bitbucket is down', () => {
  it.each<[string, FaultOptions['effect']]>([
    ['answers 503', { type: 'status', status: 503 }],
    ['resets connections', 'reset'],
    ['shows a login page', 'login-page'],
    ['cuts answers short', 'truncated-json'],
  ])('and %s, an event waits until it is available again', async (_, effect) => {
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

describe('while the catalog or the store fails', () => {
  it('an event is retried and applied once', async () => {
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

  it('the next attempt emits what a failed mutation could not add', async () => {
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

describe('a password that no longer works', () => {
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

  it('is not tried by later events about repositories and projects', async () => {
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

  it('is tried again once a run could log in', async () => {
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

describe('while Bitbucket cannot check passwords', () => {
  it('an event waits, and a run that fails because of it does not keep events from trying', async () => {
    const scene = await startEvents();
    const { bitbucket, clock, idle, push, first, run } = scene;
    bitbucket.settings.userDirectory = 'down';
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await clock.advance(MINUTE);
    expect(first.mutations).toEqual([]);
    await expect(run()).rejects.toThrow('could not check the configured credentials');
    bitbucket.settings.userDirectory = 'available';
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });
});

describe('before the first run has started', () => {
  it('an event changes nothing, and is handled once the run has started', async () => {
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

  it('an event that is given up leaves a warning', async () => {
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
  ])('ends everything immediately %s', async (_, ms) => {
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
    const before = bitbucket.requests.length;
    await push('db', bitbucket.writeFile('PAY', 'db', CATALOG_FILE, 'x'));
    await clock.advance(20 * MINUTE);
    expect(bitbucket.requests).toHaveLength(before);
    expect(scene.logger.messages('warn')).toEqual([]);
    expect(scene.logger.messages('error')).toEqual([]);
  });
});
