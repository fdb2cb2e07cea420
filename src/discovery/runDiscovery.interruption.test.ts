import { known, knownById, scope } from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { Repository, RepositoryAddress } from '../model';
import { runDiscovery } from './runDiscovery';
import { DiscoveryProgress, DiscoveryResult } from './types';

const NOW = Date.UTC(2026, 0, 1);

/** Two pages of repositories and one repository to confirm. */
function server(): FakeRepositorySource {
  return new FakeRepositorySource()
    .put(1, 'PAY/a')
    .put(2, 'PAY/b')
    .put(3, 'PAY/c')
    .put(4, 'PAY/d', { unlisted: true });
}

const BEFORE = knownById([known(4, 'PAY/d')]);

function run(source: FakeRepositorySource, signal?: AbortSignal, concurrency = 1) {
  return runDiscovery(scope({ concurrency }), {
    source,
    known: BEFORE,
    now: () => NOW,
    signal,
  });
}

function kinds(result: DiscoveryResult): Record<string, string> {
  return Object.fromEntries(
    [...result.repositories.values()].map(({ repository, outcome }) => [
      repository.slug,
      outcome.kind === 'unknown' ? outcome.reason : outcome.kind,
    ]),
  );
}

/** Every request of a complete run, in order. */
const QUESTIONS = [
  'list',
  'list',
  'file PAY/a catalog-info.yaml',
  'file PAY/b catalog-info.yaml',
  'file PAY/c catalog-info.yaml',
  'repository PAY/d',
  'file PAY/d catalog-info.yaml',
];

/** The outcomes when the request with this number gets no answer. */
const LEARNED: readonly Record<string, string>[] = [
  {},
  {},
  { a: 'not-checked', b: 'not-checked', c: 'not-checked', d: 'not-checked' },
  { a: 'registered', b: 'not-checked', c: 'not-checked', d: 'not-checked' },
  { a: 'registered', b: 'registered', c: 'not-checked', d: 'not-checked' },
  { a: 'registered', b: 'registered', c: 'registered', d: 'not-checked' },
  { a: 'registered', b: 'registered', c: 'registered', d: 'not-checked' },
];

const MOMENTS = QUESTIONS.map((question, index) => ({
  question,
  number: index + 1,
  learned: LEARNED[index],
}));

describe('runDiscovery, interrupted', () => {
  it('sends these requests when it is not interrupted', async () => {
    const source = server();
    const result = await run(source);
    expect(source.asked).toEqual(QUESTIONS);
    expect(kinds(result)).toEqual({
      a: 'registered',
      b: 'registered',
      c: 'registered',
      d: 'registered',
    });
  });

  it.each(MOMENTS)(
    'returns its results immediately when aborted while it waits for answer $number, $question',
    async ({ number, learned }) => {
      const source = server();
      const controller = new AbortController();
      const stop = new Error('stop');
      source.beforeAnswer = () => {
        if (source.asked.length === number) {
          setImmediate(() => controller.abort(stop));
          return new Promise(() => {});
        }
        return undefined;
      };
      const result = await run(source, controller.signal);
      expect(result.interruption).toEqual({ kind: 'aborted', error: stop });
      expect(kinds(result)).toEqual(learned);
      expect(result.goneRepositoryIds.size).toBe(0);
      expect(source.asked).toHaveLength(number);
    },
  );

  it.each(MOMENTS)(
    'returns its results immediately when the source throws at request $number, $question',
    async ({ number, learned }) => {
      const source = server();
      const error = new Error('wrong password');
      source.beforeAnswer = () => {
        if (source.asked.length >= number) {
          throw error;
        }
      };
      const result = await run(source);
      expect(result.interruption).toEqual({ kind: 'failed', error });
      expect(kinds(result)).toEqual(learned);
      expect(source.asked.length).toBeLessThanOrEqual(number + 1);
    },
  );

  it('ends before the next repository even when the source ignores the signal', async () => {
    const source = server();
    const controller = new AbortController();
    source.beforeAnswer = question => {
      if (question.startsWith('file PAY/a')) {
        controller.abort(new Error('stop'));
      }
    };
    const deaf = {
      listRepositories: () => source.listRepositories({}),
      listProjects: () => source.listProjects({}),
      listProjectRepositories: (key: string) => source.listProjectRepositories(key, {}),
      getRepository: (at: RepositoryAddress) => source.getRepository(at, {}),
      findFile: (at: RepositoryAddress, path: string) => source.findFile(at, path, {}),
      listFiles: (at: RepositoryAddress) => source.listFiles(at, {}),
      listLabeled: (label: string) => source.listLabeled(label, {}),
      getLabels: (at: RepositoryAddress) => source.getLabels(at, {}),
      fileUrl: (row: Repository, path: string) => source.fileUrl(row, path),
    };
    const result = await runDiscovery(scope({ concurrency: 1 }), {
      source: deaf,
      now: () => NOW,
      known: BEFORE,
      signal: controller.signal,
    });
    expect(result.interruption?.kind).toBe('aborted');
    expect(kinds(result)).toEqual(LEARNED[3]);
  });

  it('sends no request when it is aborted before it starts', async () => {
    const source = server();
    const result = await run(source, AbortSignal.abort(new Error('stop')));
    expect(result.interruption?.kind).toBe('aborted');
    expect(result.known).toEqual(BEFORE);
    expect(source.asked).toEqual([]);
  });

  it('sends hardly any requests after one has thrown', async () => {
    const source = new FakeRepositorySource();
    for (let id = 1; id <= 100; id += 1) {
      source.put(id, `PAY/r${id}`);
    }
    source.pageSize = 100;
    source.beforeAnswer = question => {
      if (question.startsWith('file')) {
        throw new Error('wrong password');
      }
    };
    const result = await run(source, undefined, 8);
    expect(result.interruption?.kind).toBe('failed');
    const files = source.asked.filter(request => request.startsWith('file'));
    expect(files.length).toBeLessThanOrEqual(2 * 8);
  });

  it('does not change its result when answers arrive after the end', async () => {
    const source = server().delete(4);
    let answer = () => {};
    source.beforeAnswer = question => {
      if (question === 'repository PAY/d') {
        return new Promise<void>(resolve => {
          answer = resolve;
        });
      }
      if (question === 'repository PAY/e') {
        throw new Error('wrong password');
      }
      return undefined;
    };
    const result = await runDiscovery(scope({ concurrency: 2 }), {
      source,
      now: () => NOW,
      known: new Map([...BEFORE, [5, known(5, 'PAY/e')]]),
    });
    const before = structuredClone(result.repositories);
    answer();
    await new Promise(resolve => setImmediate(resolve));
    expect(result.repositories).toEqual(before);
    expect(result.goneRepositoryIds.size).toBe(0);
    expect(kinds(result).d).toBe('not-checked');
  });

  it('reports no progress after the end', async () => {
    const source = server();
    const late: DiscoveryProgress[] = [];
    let ended = false;
    let answer = () => {};
    source.beforeAnswer = question => {
      if (question.startsWith('file PAY/a')) {
        return new Promise<void>(resolve => {
          answer = resolve;
        });
      }
      if (question.startsWith('file PAY/b')) {
        throw new Error('wrong password');
      }
      return undefined;
    };
    await runDiscovery(scope({ concurrency: 2 }), {
      source,
      now: () => NOW,
      known: new Map(),
      onProgress: progress => ended && late.push(progress),
    });
    ended = true;
    answer();
    await new Promise(resolve => setImmediate(resolve));
    expect(late).toEqual([]);
  });

  it('is not interrupted by an abort after the last answer', async () => {
    const source = server();
    const controller = new AbortController();
    const result = await run(source, controller.signal);
    controller.abort();
    expect(result.interruption).toBeUndefined();
  });
});
