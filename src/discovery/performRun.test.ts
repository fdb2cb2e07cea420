import {
  failedListing,
  file,
  HOUR,
  known,
  createState,
  NOW,
  problem,
  scope,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { performRun, Run } from './performRun';
import { resumeOrStart } from './resume';
import { DiscoveryProgress, ProviderState } from './types';

const POLICY = { maxPercentage: 30, holdForMs: 24 * HOUR };

function run(
  source: FakeRepositorySource,
  state: ProviderState | undefined,
  rest: {
    nowMs?: number;
    signal?: AbortSignal;
    projectKey?: RegExp;
    settings?: { branch?: string };
    sinceConfirmationMs?: number;
  } = {},
): Promise<Run> {
  const { nowMs = NOW, signal, projectKey } = rest;
  const what = scope({ concurrency: 1, filters: { projectKey }, ...rest.settings });
  return performRun({
    scope: what,
    origin: resumeOrStart(what, state?.interruptedRun, nowMs, nowMs),
    revision: () => nowMs,
    loadConcurrentChanges: async () => ({
      approved: new Set(),
      newer: [],
      sinceConfirmationMs: rest.sinceConfirmationMs ?? 0,
    }),
    policy: POLICY,
    source,
    state,
    clock: { now: () => nowMs },
    signal,
  });
}

/** `count` repositories PAY/r0, PAY/r1, … with a catalog file each. */
function server(count: number): FakeRepositorySource {
  const source = new FakeRepositorySource();
  for (let id = 0; id < count; id += 1) {
    source.put(id, `PAY/r${id}`);
  }
  return source;
}

const createKnown = (count: number) =>
  createState(Array.from({ length: count }, (_, id) => known(id, `PAY/r${id}`)));

describe('performRun', () => {
  it('finds, decides, counts and reports its times', async () => {
    let nowMs = NOW;
    const source = server(2);
    source.beforeAnswer = () => {
      nowMs += 1000;
    };
    const told: DiscoveryProgress[] = [];
    const finished = await performRun({
      scope: scope(),
      policy: POLICY,
      source,
      state: createState([]),
      clock: { now: () => nowMs },
      onProgress: progress => told.push(progress),
    });
    expect(finished).toMatchObject({
      startedAtMs: NOW,
      finishedAtMs: NOW + 3000,
      summary: { registered: 2, locations: 2 },
      failure: undefined,
    });
    expect(finished.reconciliation.state?.repositories[0]?.checkedAtMs).toBe(NOW + 1000);
    expect(told.length).toBeGreaterThan(0);
  });

  it.each<[string, (source: FakeRepositorySource) => unknown]>([
    [
      'repositories stay unknown',
      s => s.put(0, 'PAY/r0', { lookup: { kind: 'unknown', problem: problem() } }),
    ],
    [
      'a repository cannot be confirmed',
      s =>
        s.put(0, 'PAY/r0', {
          unlisted: true,
          lookup: { kind: 'unknown', problem: problem() },
        }),
    ],
    ['items are unreadable', s => Object.assign(s, { unreadablePerPage: 1 })],
  ])('does not fail when %s', async (_, spoil) => {
    const source = server(3);
    spoil(source);
    const finished = await run(source, createKnown(3));
    expect(finished.failure).toBeUndefined();
    expect(finished.reconciliation.mutation).toBe('full');
    expect(finished.reconciliation.locations).toHaveLength(3);
  });

  it('does not fail when one of its projects cannot be listed', async () => {
    const source = server(2).failListing('list OPS', failedListing());
    const state = createState([known(9, 'OPS/x')]);
    const finished = await run(source, state, { projectKey: /^(PAY|OPS)$/ });
    expect(finished.failure).toBeUndefined();
    expect(getTargets(finished.reconciliation.carriedForward)).toEqual([target('OPS/x')]);
  });

  it('fails when the listing fails, and reports the error', async () => {
    const source = server(4).failListing('list', failedListing(), 1);
    const finished = await run(source, createKnown(4));
    expect(finished.failure).toEqual({
      kind: 'listing',
      detail: 'Bitbucket failed: 503',
    });
    expect(finished.reconciliation).toMatchObject({ mutation: 'add-only', removed: [] });
    expect(finished.summary).toMatchObject({ registered: 2, locations: 4, removed: 0 });
  });

  it('fails with both reasons when neither listing works', async () => {
    const source = server(1)
      .failListing(
        'list',
        failedListing({
          unsupported: true,
          problem: problem('unexpected-answer', 'XML'),
        }),
      )
      .failListing('list-projects', failedListing());
    expect((await run(source, createKnown(1))).failure).toEqual({
      kind: 'listing',
      detail: 'XML; Bitbucket failed: 503',
    });
  });

  it('fails when the source throws', async () => {
    const source = server(3);
    const error = new Error('wrong password');
    source.beforeAnswer = question => {
      if (/^file PAY\/r[12] /.test(question)) {
        throw error;
      }
    };
    const finished = await run(source, createState([]));
    expect(finished.failure).toEqual({ kind: 'failed', error });
    expect(getTargets(finished.reconciliation.locations)).toEqual([target('PAY/r0')]);
  });

  it('fails as aborted when it is aborted', async () => {
    const error = new Error('timeout');
    const finished = await run(server(1), createKnown(1), {
      signal: AbortSignal.abort(error),
    });
    expect(finished.failure).toEqual({ kind: 'aborted', error });
    expect(finished.reconciliation.state).toMatchObject({
      ...createKnown(1),
      interruptedRun: { sinceMs: NOW },
    });
  });

  describe('over several runs', () => {
    /** Answers two file checks, then aborts the run. */
    function cutAfterTwo(source: FakeRepositorySource): AbortSignal {
      const controller = new AbortController();
      let files = 0;
      source.beforeAnswer = question => {
        files += question.startsWith('file') ? 1 : 0;
        if (files > 2) {
          controller.abort();
        }
      };
      return controller.signal;
    }

    it('covers a server that takes longer than one run, and then also removes Locations', async () => {
      const source = server(9);
      let state: ProviderState | undefined = createKnown(10);
      const failures: (string | undefined)[] = [];
      for (let round = 0; round < 5; round += 1) {
        const signal = cutAfterTwo(source);
        const part = await run(source, state, { nowMs: NOW + round * HOUR, signal });
        failures.push(part.failure?.kind);
        state = part.reconciliation.state;
      }
      expect(failures).toEqual(['aborted', 'aborted', 'aborted', 'aborted', undefined]);
      expect(state?.repositories.flatMap(repository => repository.files)).toHaveLength(9);
      expect(state?.interruptedRun).toBeUndefined();
    });

    it('checks everything again once a pass is complete', async () => {
      const source = server(3);
      const first = await run(source, createState([]), { signal: cutAfterTwo(source) });
      source.beforeAnswer = () => undefined;
      const second = await run(source, first.reconciliation.state, {
        nowMs: NOW + HOUR,
      });
      source.asked.length = 0;
      await run(source, second.reconciliation.state, { nowMs: NOW + 2 * HOUR });
      expect(source.asked.filter(request => request.startsWith('file'))).toHaveLength(3);
    });

    it('checks everything again after a run whose listing failed', async () => {
      const source = server(3).failListing('list', failedListing(), 1);
      const first = await run(source, createState([]));
      source.asked.length = 0;
      await run(source, first.reconciliation.state, { nowMs: NOW + HOUR });
      expect(source.asked.filter(request => request.startsWith('file'))).toHaveLength(2);
    });

    it.each([
      ['after too long a break', 7 * HOUR, {}],
      ['when its configuration has changed', HOUR, { branch: 'develop' }],
    ])('starts a new pass %s', async (_, laterMs, settings) => {
      const source = server(3);
      const first = await run(source, createState([]), { signal: cutAfterTwo(source) });
      source.beforeAnswer = () => undefined;
      source.asked.length = 0;
      await run(source, first.reconciliation.state, { nowMs: NOW + laterMs, settings });
      expect(source.asked.filter(request => request.startsWith('file'))).toHaveLength(3);
    });

    it('holds back a mass removal until it has been confirmed for long enough', async () => {
      const source = server(10);
      const first = await run(source, createState([]));
      for (let id = 0; id < 8; id += 1) {
        source.put(id, `PAY/r${id}`, { files: [] });
      }
      let state = first.reconciliation.state;
      const removed: number[] = [];
      let before = 0;
      for (const hours of [1, 2, 24, 25]) {
        const later = await run(source, state, {
          nowMs: NOW + hours * HOUR,
          sinceConfirmationMs: (hours - before) * HOUR,
        });
        before = hours;
        removed.push(later.reconciliation.removed.length);
        state = later.reconciliation.state;
      }
      expect(removed).toEqual([0, 0, 0, 8]);
    });

    it('restarts the hold when the lost files were back in between', async () => {
      const source = server(10);
      const lose = () => {
        for (let id = 0; id < 8; id += 1) {
          source.put(id, `PAY/r${id}`, { files: [] });
        }
      };
      lose();
      const first = await run(source, createKnown(10), { nowMs: NOW });
      for (let id = 0; id < 8; id += 1) {
        source.put(id, `PAY/r${id}`);
      }
      const second = await run(source, first.reconciliation.state, {
        nowMs: NOW + HOUR,
      });
      expect(second.reconciliation.state?.held).toEqual([]);
      lose();
      const third = await run(source, second.reconciliation.state, {
        nowMs: NOW + 25 * HOUR,
      });
      expect(third.summary).toMatchObject({ removed: 0, heldBack: 8, locations: 10 });
    });

    it('removes nothing after a run that could not read the catalog', async () => {
      const source = server(2).put(1, 'PAY/r1', {
        lookup: { kind: 'unknown', problem: problem() },
      });
      const blind = await run(source, undefined);
      expect(blind.reconciliation).toMatchObject({
        mutation: 'add-only',
        state: undefined,
      });
      expect(blind.summary.locations).toBe(1);
      expect(blind.failure).toBeUndefined();
      const seeing = await run(
        source,
        createState([known(-1, 'PAY/r0'), known(-2, 'PAY/r1', [file('PAY/r1')])]),
      );
      expect(getTargets(seeing.reconciliation.locations)).toEqual([
        target('PAY/r0'),
        target('PAY/r1'),
      ]);
    });
  });
});
