import { repository, target } from '../__testUtils__/discoveryData';
import { KnownRepository, RepositoryResult } from '../discovery/types';
import { UnchangedChecks } from '../store/records';
import { Checkpoints } from './Checkpoints';

/** Results per batch. */
const BATCH = 200;

const file = (id: number) => ({
  path: 'catalog-info.yaml',
  targetUrl: target(`PAY/r${id}`),
  presence: 'required' as const,
});

function registered(id: number) {
  return {
    repository: repository(id, `PAY/r${id}`),
    outcome: { kind: 'registered', files: [file(id)] },
    checkedAtMs: 1_000,
    revision: 7,
  } as const satisfies RepositoryResult;
}

function known(id: number, files = [file(id)]): KnownRepository {
  return { repositoryId: id, projectKey: 'PAY', slug: `r${id}`, files, revision: 1 };
}

/** The known state of a repository after a check by an earlier run. */
function unchanged(id: number): KnownRepository {
  return { ...known(id), conclusive: registered(id).outcome, checkedAtMs: 1 };
}

/** Checkpoints that write into a log of what happened, in its order. */
function createCheckpoints(before: readonly KnownRepository[] = []) {
  const log: string[] = [];
  const saved = new Map<number, KnownRepository>();
  const errors: unknown[] = [];
  const store = { fails: 0, revision: 7 };
  const unchangedChecks: UnchangedChecks[] = [];
  const checkpoints = new Checkpoints(
    new Map(before.map(one => [one.repositoryId, one])),
    7,
    {
      async recordInterim({ repositories, unchanged: found }) {
        await Promise.resolve();
        if (store.fails > 0) {
          store.fails -= 1;
          throw new Error('the database is away');
        }
        repositories.forEach(repository =>
          saved.set(repository.repositoryId, repository),
        );
        log.push(`save ${repositories.length}`);
        unchangedChecks.push(...(found ? [found] : []));
        store.revision += 1;
        return store.revision;
      },
      async add(locations) {
        log.push(`add ${locations.length}`);
      },
      onError: error => errors.push(error),
    },
  );
  const note = (from: number, count: number) => {
    for (let id = from; id < from + count; id += 1) {
      checkpoints.note(registered(id));
    }
  };
  return { checkpoints, note, log, unchangedChecks, saved, errors, store };
}

/** Lets everything run that can. */
const settled = () => new Promise(resolve => setImmediate(resolve));

describe('Checkpoints', () => {
  it('saves nothing before a batch is full', async () => {
    const { note, log } = createCheckpoints();

    note(1, BATCH - 1);
    await settled();

    expect(log).toEqual([]);
  });

  it('saves a batch before it adds its new Locations to the catalog', async () => {
    const { note, log } = createCheckpoints();

    note(1, BATCH);
    await settled();

    expect(log).toEqual(['save 200', 'add 200']);
  });

  it('writes one batch after the other', async () => {
    const { note, log } = createCheckpoints();

    note(1, 2 * BATCH);
    await settled();

    expect(log).toEqual(['save 200', 'add 200', 'save 200', 'add 200']);
  });

  it('writes what has come in during a write together, at most a thousand repositories at once', async () => {
    const { checkpoints, note, log } = createCheckpoints();

    note(1, 2_150);
    await settled();
    expect(log.filter(entry => entry.startsWith('save'))).toEqual([
      'save 200',
      'save 1000',
      'save 950',
    ]);

    note(2_151, 3);
    await checkpoints.saveRest(false);
    expect(log.at(-1)).toBe('save 3');
  });

  it('adds only what the catalog does not have', async () => {
    const { note, log } = createCheckpoints([known(1), known(2), known(3, [])]);

    note(1, BATCH);
    await settled();

    expect(log).toEqual(['save 200', 'add 198']);
  });

  it('keeps the known file that the catalog still has', async () => {
    const { checkpoints, saved } = createCheckpoints([known(1)]);

    checkpoints.note({
      repository: repository(1, 'PAY/r1'),
      outcome: { kind: 'absent', reason: 'no-catalog-file' },
      checkedAtMs: 1_000,
    });
    await checkpoints.saveRest(false);

    expect(saved.get(1)).toMatchObject({
      files: [file(1)],
      conclusive: { kind: 'absent', reason: 'no-catalog-file' },
      checkedAtMs: 1_000,
    });
  });

  it('saves the remaining results at the end without adding their Locations to the catalog', async () => {
    const { checkpoints, note, log } = createCheckpoints();

    note(1, BATCH + 5);
    await checkpoints.saveRest(false);

    expect(log).toEqual(['save 200', 'add 200', 'save 5']);
  });

  it('writes no rows of unchanged repositories, but records that they were checked', async () => {
    const before = Array.from({ length: 1_500 }, (_, id) => unchanged(id));
    const { checkpoints, note, log, unchangedChecks } = createCheckpoints(before);

    note(0, 1_500);
    await checkpoints.saveRest(false);

    expect(log).toEqual(['save 0', 'add 0']);
    const repositoryIds = before
      .slice(0, 1_000)
      .map(repository => repository.repositoryId);
    expect(unchangedChecks).toEqual([{ repositoryIds, revision: 7, checkedAtMs: 1_000 }]);
  });

  it('records the remaining unchanged repositories of an interrupted run too', async () => {
    const { checkpoints, note, unchangedChecks } = createCheckpoints([
      unchanged(1),
      unchanged(2),
    ]);

    note(1, 2);
    await checkpoints.saveRest(true);

    expect(unchangedChecks).toEqual([
      { repositoryIds: [1, 2], revision: 7, checkedAtMs: 1_000 },
    ]);
  });

  it('uses a newer revision once a batch is saved', async () => {
    const { checkpoints, note } = createCheckpoints();
    expect(checkpoints.revision).toBe(7);

    note(1, BATCH);
    await settled();

    expect(checkpoints.revision).toBe(8);
  });

  it('adds no Locations of a batch that could not be saved, and saves it with the remaining results', async () => {
    const { checkpoints, note, log, saved, errors, store } = createCheckpoints();
    store.fails = 1;

    note(1, BATCH);
    note(BATCH + 1, 5);
    await settled();
    expect(log).toEqual([]);
    expect(errors).toEqual([new Error('the database is away')]);

    await checkpoints.saveRest(false);
    expect(log).toEqual(['save 205']);
    expect(saved.size).toBe(205);
  });

  it('retries a batch together with the next result', async () => {
    const { note, log, store } = createCheckpoints();
    store.fails = 1;

    note(1, BATCH);
    await settled();
    note(BATCH + 1, 1);
    await settled();

    expect(log).toEqual(['save 201', 'add 201']);
  });

  it('throws the error of the store at the end, so that the catalog is not changed either', async () => {
    const { checkpoints, note, log, store } = createCheckpoints();
    store.fails = 1;
    note(1, 5);

    await expect(checkpoints.saveRest(false)).rejects.toThrow('the database is away');
    expect(log).toEqual([]);

    await checkpoints.saveRest(false);
    expect(log).toEqual(['save 5']);
  });

  it('reports a failure of the catalog and continues', async () => {
    const errors: unknown[] = [];
    const checkpoints = new Checkpoints(new Map(), 7, {
      recordInterim: async () => 8,
      add: async () => {
        throw new Error('the catalog is away');
      },
      onError: error => errors.push(error),
    });
    Array.from({ length: BATCH }, (_, index) => checkpoints.note(registered(index)));

    await expect(checkpoints.saveRest(false)).resolves.toBeUndefined();

    expect(errors).toEqual([new Error('the catalog is away')]);
  });
});
