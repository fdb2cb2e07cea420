/** The numbers that the README names, held to what the code does. */

import { createSimulatedBitbucket } from '../dev/simulatedBitbucket';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createSimulatedClient } from '../src/__testUtils__/simulatedClient';
import { plainReadme, README } from './__testUtils__/readmeText';
import { readOneProvider } from '../src/config/__testUtils__/readOneProvider';
import { DEFAULT_SCHEDULE } from '../src/config/configurationKeys';
import { planRemovals } from '../src/discovery/planRemovals';
import { CatalogLocation } from '../src/discovery/types';
import { startEvents } from '../src/events/__testUtils__/eventScene';
import { CoalescingQueue } from '../src/events/CoalescingQueue';
import { decidePace } from '../src/http/rateStrategy';
import { providerName, taskIdOf } from '../src/provider/locationEntities';

const TEXT = plainReadme();
const MINUTE = 60_000;

describe('what the README says about time', () => {
  it('is how often runs begin by default', () => {
    expect(DEFAULT_SCHEDULE.frequency).toEqual({ minutes: 30 });
    expect(TEXT).toContain('every 30 minutes by default');
    expect(README).toContain('every 30 minutes ─▶ discovery');
  });

  it('is how long events are tried again', async () => {
    const clock = new FakeClock();
    const startedMs = clock.now();
    let lastMs = 0;
    let givenUp = false;
    const queue = new CoalescingQueue<string, void>({
      clock,
      signal: new AbortController().signal,
      merge: (_, later) => later,
      work: async () => {
        lastMs = clock.now() - startedMs;
        return { kind: 'retry', detail: 'Bitbucket does not answer' };
      },
      onGiveUp: () => {
        givenUp = true;
      },
    });

    void queue.add('PAY/api', 'a push');
    await clock.runUntilIdle();

    expect(TEXT).toContain('asked again for up to ten minutes');
    expect(givenUp).toBe(true);
    expect(lastMs).toBeLessThanOrEqual(10 * MINUTE + 1_000);
    expect(lastMs).toBeGreaterThan(6 * MINUTE);
  });
});

describe('what the configuration table of the README says', () => {
  it('is how far the limits go', () => {
    expect(TEXT).toContain('Requests in flight per host, 1 to 100.');
    expect(TEXT).toContain('For each attempt of a request, at most 10 minutes.');
    for (const concurrency of [1, 100]) {
      expect(readOneProvider({ concurrency })).toMatchObject({ concurrency });
    }
    for (const concurrency of [0, 101]) {
      expect(() => readOneProvider({ concurrency })).toThrow(/concurrency/);
    }
    expect(() => readOneProvider({ requestTimeout: '10 minutes' })).not.toThrow();
    expect(() => readOneProvider({ requestTimeout: '601 seconds' })).toThrow(
      /requestTimeout/,
    );
  });

  it('is that schedules may run on demand only', () => {
    expect(README).toContain('`frequency: { trigger: manual }`');
    const schedule = { frequency: { trigger: 'manual' }, timeout: '25 minutes' };
    expect(readOneProvider({ schedule }).schedule.frequency).toEqual({
      trigger: 'manual',
    });
  });

  it('is how patterns match', () => {
    expect(TEXT).toContain('PAY also matches PAYMENTS, ^PAY$ does not');
    const matches = (projectKey: string) =>
      readOneProvider({ filters: { projectKey } }).filters.projectKey?.test('PAYMENTS');
    expect([matches('PAY'), matches('^PAY$')]).toEqual([true, false]);
  });
});

describe('what the README says about held removals', () => {
  /** How many of the known Locations go at once. */
  function removedAtOnce(due: number, known: number, maxPercentage = 30): number {
    const location = (index: number): CatalogLocation => ({
      repository: { id: index, projectKey: 'PAY', slug: `s${index}` },
      file: {
        path: 'catalog-info.yaml',
        targetUrl: `https://git.test/${index}`,
        presence: 'required',
      },
    });
    const request = {
      due: Array.from({ length: due }, (_, index) => location(index)),
      knownLocations: known,
      held: [],
      nowMs: 0,
    };
    const { remove, holdBack } = planRemovals(request, { maxPercentage, holdForMs: 1 });
    expect(remove.length + holdBack.length).toBe(due);
    return remove.length;
  }

  it.each([
    ['5 or fewer are always allowed', 5, 6, 5],
    ['or if they are all there are', 5, 5, 0],
    ['more than removals.maxPercentage percent', 31, 100, 0],
    ['Exactly the percentage is still removed at once', 30, 100, 30],
  ])('is true: %s', (words, due, known, removed) => {
    expect(TEXT).toContain(words);
    expect(removedAtOnce(due, known)).toBe(removed);
  });

  it.each([
    ['maxPercentage: 100 switches this off', 100, 100],
    ['with 0 nothing is removed without approval', 0, 0],
  ])('is true: %s', (words, maxPercentage, removed) => {
    expect(TEXT).toContain(words);
    expect(removedAtOnce(100, 100, maxPercentage)).toBe(removed);
  });
});

describe('the capacity planning of the README', () => {
  it('works out its own example', () => {
    const [runsPerHour, listed, files, intervalSeconds] = [2, 5000, 1000, 3600];
    const catalogReads = (files * 3600) / intervalSeconds;
    const total = runsPerHour * (listed / 1000 + listed) + catalogReads;
    const byEvents = 3 * 200 + 1200 / 24;
    const number = (value: number) => value.toLocaleString('en-US');

    expect(README).toContain(`= ${number(total)} requests per hour`);
    expect(TEXT).toContain(`the catalog's own reads are ${number(catalogReads)}`);
    expect(TEXT).toContain(`add 3 × 200 + 1,200 / 24 = ${byEvents}`);
    expect(TEXT).toContain(`its own reads would be ${number((files * 3600) / 125)}`);
  });

  it('knows the pace that a budget leads to, and how long that takes', () => {
    const budget = { enabled: true, capacity: 60, fillRate: 5 };
    const pace = decidePace([{ kind: 'auto' }], budget, undefined);

    expect(pace).toEqual({ requestsPerSecond: 4, burst: 30 });
    expect(TEXT).toContain('60 requests at once and 5 more each second');
    expect(TEXT).toContain('uses a burst of 30 and 4 per second');
    expect(TEXT).toContain(`about ${Math.round((5005 - 30) / 4 / 60)} minutes`);
  });

  it.each([
    [1000, 1],
    [1001, 2],
  ])('lists %i repositories with %i requests', async (count, requests) => {
    const bitbucket = createSimulatedBitbucket({ users: [{ name: 'a', token: 't' }] });
    for (let index = 0; index < count; index += 1) {
      bitbucket.addRepository({ projectKey: 'PAY', slug: `s${index}` });
    }
    const { list } = createSimulatedClient({ bitbucket, signIn: { token: 't' } });

    await list(client => client.listRepositories());

    expect(TEXT).toContain('one request per 1,000 repositories listed');
    expect(bitbucket.requests).toHaveLength(requests);
  });

  it('knows what a push costs: a question for the default branch a day, and at most 3', async () => {
    const { bitbucket, push, idle, asked, forget, clock } = await startEvents({
      handlesScmEvents: true,
    });
    const three = { repository: 1, 'file-check': 1, compare: 1 };
    const pushTo = async (branch?: string) => {
      forget();
      await push(
        'api',
        branch === undefined
          ? bitbucket.writeFile('PAY', 'api', 'README.md', String(clock.now()))
          : { branch, fromHash: 'a'.repeat(40), toHash: 'b'.repeat(40) },
      );
      await idle();
      return asked();
    };

    expect(await pushTo()).toEqual({ ...three, 'default-branch': 1 });
    expect(await pushTo()).toEqual(three);
    expect(await pushTo('feature/x')).toEqual({});
    await clock.advance(25 * 60 * MINUTE);
    expect(await pushTo('feature/x')).toEqual({ 'default-branch': 1 });
    expect(TEXT).toContain('asks at most 3');
    expect(TEXT).toContain('once per repository and day');
  });

  it('knows what a push costs where a branch is set and nobody wants to know the files', async () => {
    const config = { branch: 'main' };
    const { bitbucket, push, idle, asked } = await startEvents({ config });

    await push('api', bitbucket.writeFile('PAY', 'api', 'README.md', 'x'));
    await idle();

    expect(asked()).toEqual({ repository: 1, 'file-check': 1 });
    expect(TEXT).toContain('not at all where branch is set');
  });

  it('knows what a change of a project costs', async () => {
    const { bitbucket, deliver, idle, asked } = await startEvents();
    const old = bitbucket.projectJson('PAY') ?? {};

    await deliver(bitbucket.webhook('project:modified', { projectKey: 'PAY', old }));
    await idle();

    expect(asked()).toEqual({ 'project-repositories': 1, 'file-check': 3 });
    expect(TEXT).toContain('costs as much as a run over that project');
  });
});

describe('the names in the README', () => {
  it('are those of the provider and its task', () => {
    expect(README).toContain(`\`${taskIdOf('<id>')}\``);
    expect(taskIdOf('<id>')).toContain(providerName('<id>'));
  });
});
