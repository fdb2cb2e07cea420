import {
  failedListing,
  problem,
  repository,
  scope,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { RepositoryFilters } from '../filters/types';
import { listRepositories } from './listRepositories';
import { ListingPosition, ListingTime } from './types';

function source(): FakeRepositorySource {
  return new FakeRepositorySource()
    .put(1, 'PAY/a')
    .put(2, 'PAY/b')
    .put(3, 'PAY/c')
    .put(4, 'OPS/a')
    .put(5, '~JDOE/a');
}

async function list(
  from: FakeRepositorySource,
  filters: Partial<RepositoryFilters> = {},
  rest: {
    signal?: AbortSignal;
    onListed?: (count: number) => void;
    time?: ListingTime;
    from?: ListingPosition;
    concurrency?: number;
  } = {},
) {
  const { concurrency = 4, ...options } = rest;
  const listing = await listRepositories(scope({ filters, concurrency }), {
    source: from,
    onListed: () => {},
    ...options,
  });
  return { ...listing, ids: [...listing.repositories.keys()] };
}

const UNSUPPORTED = failedListing({
  unsupported: true,
  problem: problem('unexpected-answer', 'XML'),
});
const FORBIDDEN = failedListing({ problem: problem('not-permitted', 'refused') });
const GONE = failedListing({ gone: true, problem: problem('unexpected-answer', 'none') });

describe('listRepositories', () => {
  describe('of a whole server', () => {
    it('reads every page of one listing and sends no other request', async () => {
      const from = source();
      const listing = await list(from);
      expect(listing.ids).toEqual([1, 2, 3, 4, 5]);
      expect(listing).toMatchObject({
        complete: true,
        problems: [],
        unreadable: 0,
      });
      expect(from.asked).toEqual(['list', 'list', 'list']);
    });

    it('reads a page with more rows than a function call can take arguments', async () => {
      const from = new FakeRepositorySource();
      from.pageSize = 200_000;
      from.repeatedRows = Array(200_000).fill(repository(1, 'PAY/a'));
      expect((await list(from)).ids).toEqual([1]);
    });

    it('is complete for an empty server', async () => {
      const listing = await list(new FakeRepositorySource());
      expect(listing).toMatchObject({ ids: [], complete: true });
    });

    it('keeps the later of two rows of one repository', async () => {
      const from = source().put(3, 'OPS/moved');
      from.repeatedRows = [repository(3, 'PAY/c'), repository(4, 'OPS/a')];
      const listing = await list(from);
      expect([...listing.ids].sort()).toEqual([1, 2, 3, 4, 5]);
      expect(listing.repositories.get(3)?.slug).toBe('moved');
    });

    it('keeps the earlier pages and is not complete when a later page fails', async () => {
      const listing = await list(source().failListing('list', failedListing(), 2));
      expect(listing.ids).toEqual([1, 2, 3, 4]);
      expect(listing.complete).toBe(false);
      expect(listing.problems).toEqual([{ problem: problem(), gone: false }]);
    });

    it.each([
      ['fails', failedListing(), 0],
      ['is refused', FORBIDDEN, 0],
      ['is no longer supported after a page', UNSUPPORTED, 1],
    ])('does not list project by project when it %s', async (_, step, after) => {
      const from = source().failListing('list', step, after);
      const listing = await list(from);
      expect(listing.complete).toBe(false);
      expect(from.asked.filter(request => request !== 'list')).toEqual([]);
    });

    it('counts rows that it could not read and stays complete', async () => {
      const from = source();
      from.unreadablePerPage = 2;
      expect(await list(from)).toMatchObject({ unreadable: 6, complete: true });
    });

    it('reports how many it has listed after each page', async () => {
      const counts: number[] = [];
      await list(source(), {}, { onListed: count => counts.push(count) });
      expect(counts).toEqual([2, 4, 5]);
    });

    it('throws errors of the source', async () => {
      const from = source();
      from.beforeAnswer = () => {
        throw new Error('wrong password');
      };
      await expect(list(from)).rejects.toThrow('wrong password');
    });

    it('ends immediately when aborted', async () => {
      const from = source();
      const controller = new AbortController();
      from.beforeAnswer = () => {
        controller.abort(new Error('stop'));
        return new Promise(() => {});
      };
      await expect(list(from, {}, { signal: controller.signal })).rejects.toThrow('stop');
      expect(from.asked).toEqual(['list']);
    });
  });

  describe('of some projects', () => {
    const pattern = /^(PAY|OPS)$/;

    it('lists only those that the filter can match', async () => {
      const from = source();
      const listing = await list(from, { projectKey: pattern });
      expect([...listing.ids].sort()).toEqual([1, 2, 3, 4]);
      expect(listing).toMatchObject({ complete: true });
      expect([...new Set(from.asked)].sort()).toEqual(['list OPS', 'list PAY']);
    });

    it('lists the whole server for a pattern that is not a list of keys', async () => {
      const from = source();
      await list(from, { projectKey: /^PAY/ });
      expect([...new Set(from.asked)]).toEqual(['list']);
    });

    it('stays complete when one project is refused, and names it', async () => {
      const from = source().failListing('list OPS', FORBIDDEN);
      const listing = await list(from, { projectKey: pattern });
      expect(listing.ids).toEqual([1, 2, 3]);
      expect(listing.complete).toBe(true);
      expect(listing.problems).toEqual([
        { projectKey: 'OPS', problem: FORBIDDEN.problem, gone: false },
      ]);
    });

    it('keeps the earlier pages of a project that fails later', async () => {
      const from = source().failListing('list PAY', failedListing(), 1);
      const listing = await list(from, { projectKey: pattern });
      expect([...listing.ids].sort()).toEqual([1, 2, 4]);
      expect(listing.problems).toHaveLength(1);
    });

    it.each([
      ['every project is refused', FORBIDDEN, FORBIDDEN, false],
      ['one is refused and the other gone', FORBIDDEN, GONE, false],
      ['every project is gone', GONE, GONE, true],
    ])('reports whether it is complete when %s', async (_, pay, ops, complete) => {
      const from = source().failListing('list PAY', pay).failListing('list OPS', ops);
      const listing = await list(from, { projectKey: pattern });
      expect(listing.complete).toBe(complete);
      expect(listing.problems.map(problem => problem.gone)).toEqual([pay.gone, ops.gone]);
    });

    it('lists no more projects at a time than allowed', async () => {
      const from = source();
      from.beforeAnswer = () => new Promise(resolve => setImmediate(resolve));
      await list(from, { projectKey: /^(A|B|C|D|E|F|G|PAY|OPS)$/ });
      expect(from.peakInFlight).toBe(4);
    });

    it('reports how many it has listed in all projects together', async () => {
      const counts: number[] = [];
      await list(
        source(),
        { projectKey: pattern },
        { onListed: count => counts.push(count) },
      );
      expect(counts.at(-1)).toBe(4);
    });
  });

  describe('of a server without a listing of all repositories', () => {
    const fallback = () => source().failListing('list', UNSUPPORTED);

    it('lists project by project, without personal projects', async () => {
      const from = fallback();
      const listing = await list(from);
      expect([...listing.ids].sort()).toEqual([1, 2, 3, 4]);
      expect(listing).toMatchObject({ complete: true, problems: [] });
      expect(from.asked.filter(request => request === 'list')).toHaveLength(1);
      expect(from.asked).not.toContain('list ~JDOE');
    });

    it.each<[string, Partial<RepositoryFilters>, readonly string[]]>([
      ['personal ones when configured', { personalRepos: true }, ['OPS', 'PAY', '~JDOE']],
      ['only those that the pattern matches', { projectKey: /^P/ }, ['PAY']],
      ['none that are excluded', { exclude: { projectKey: /PAY/ } }, ['OPS']],
    ])('lists %s', async (_, filters, keys) => {
      const from = fallback();
      await list(from, filters);
      const projects = from.asked.filter(request => request.startsWith('list '));
      expect([...new Set(projects)].sort()).toEqual(keys.map(key => `list ${key}`));
    });

    it('is not complete when the projects cannot be listed either', async () => {
      const from = fallback().failListing('list-projects', FORBIDDEN);
      expect(await list(from)).toMatchObject({
        ids: [],
        complete: false,
        problems: [{ problem: UNSUPPORTED.problem }, { problem: FORBIDDEN.problem }],
      });
    });

    it('is not complete when a later page of projects fails', async () => {
      const from = fallback().failListing('list-projects', failedListing(), 1);
      expect(await list(from)).toMatchObject({ ids: [], complete: false });
    });

    it('stays complete when one project is refused', async () => {
      const from = fallback().failListing('list PAY', FORBIDDEN);
      expect(await list(from)).toMatchObject({
        complete: true,
        problems: [{ projectKey: 'PAY' }],
      });
    });

    it('counts unreadable projects and repositories together', async () => {
      const from = fallback();
      from.unreadablePerPage = 1;
      expect((await list(from)).unreadable).toBe(2 + 2 + 1);
    });
  });
});

describe('listRepositories, without enough time', () => {
  /** The time is over after this many requests; the last one is still answered unless `isAnswered` is false. */
  function timed(from: FakeRepositorySource, questions: number, isAnswered = true) {
    const over = new AbortController();
    from.beforeAnswer = () => {
      if (from.asked.length < questions) {
        return undefined;
      }
      const isOver = new Promise<void>(resolve =>
        setImmediate(() => {
          over.abort();
          resolve();
        }),
      );
      return isAnswered ? isOver : new Promise(() => {});
    };
    return { signal: over.signal, ms: 750_000 };
  }
  const OUT_OF_TIME = {
    reason: 'timeout',
    detail: expect.stringMatching(/after 750 s.*Raise `schedule\.timeout`/),
  };
  const REST = {
    reason: 'timeout',
    detail: expect.stringMatching(/earlier runs.*Raise `schedule\.timeout`/),
  };

  describe('of a whole server', () => {
    it('keeps what was listed, is not complete, and says where to continue', async () => {
      const from = source();
      const listing = await list(from, {}, { time: timed(from, 2, false) });
      expect(listing.ids).toEqual([1, 2]);
      expect(listing).toMatchObject({
        complete: false,
        problems: [{ problem: OUT_OF_TIME, gone: false }],
        continuesAt: { start: 2 },
      });
    });

    it('waits for the first page, however long that takes, and requests no second one', async () => {
      const from = source();
      const listing = await list(from, {}, { time: timed(from, 1) });
      expect(listing.ids).toEqual([1, 2]);
      expect(listing.continuesAt).toEqual({ start: 2 });
      expect(from.asked).toEqual(['list']);
    });

    it('is complete when the last page arrives late', async () => {
      const from = source();
      from.pageSize = 10;
      const listing = await list(from, {}, { time: timed(from, 1) });
      expect(listing.ids).toEqual([1, 2, 3, 4, 5]);
      expect(listing).toMatchObject({ complete: true, problems: [] });
      expect(listing.continuesAt).toBeUndefined();
    });

    it('continues where it stopped, and is not complete at its end either', async () => {
      const listing = await list(source(), {}, { from: { start: 2 } });
      expect(listing.ids).toEqual([3, 4, 5]);
      expect(listing).toMatchObject({ complete: false, problems: [{ problem: REST }] });
      expect(listing.continuesAt).toBeUndefined();
    });

    it('throws when the run is aborted instead of returning a partial listing', async () => {
      const from = source();
      const time = timed(from, 99);
      const run = new AbortController();
      from.beforeAnswer = () => {
        if (from.asked.length < 2) {
          return undefined;
        }
        setImmediate(() => run.abort(new Error('stop')));
        return new Promise(() => {});
      };
      await expect(list(from, {}, { time, signal: run.signal })).rejects.toThrow('stop');
    });
  });

  describe('of single projects', () => {
    const filters = { projectKey: /^(PAY|OPS|~JDOE)$/ };
    const ended = { signal: AbortSignal.abort(), ms: 750_000 };
    const listProjects = (rest: Parameters<typeof list>[2]) => {
      const from = source();
      return list(from, filters, { concurrency: 1, ...rest }).then(listing => ({
        ...listing,
        asked: from.asked,
      }));
    };

    it('starts no further project, and says where to continue', async () => {
      const listing = await listProjects({
        time: ended,
        from: { projectKey: 'OPS' },
      });
      expect(listing.asked).toEqual(['list OPS']);
      expect(listing.ids).toEqual([4]);
      expect(listing).toMatchObject({
        complete: false,
        problems: [{ problem: OUT_OF_TIME, gone: false }],
        continuesAt: { projectKey: '~JDOE' },
      });
    });

    it('says how far the first unfinished project was read', async () => {
      const listing = await listProjects({ time: ended });
      expect(listing.ids).toEqual([1, 2]);
      expect(listing.continuesAt).toEqual({ projectKey: 'PAY', start: 2 });
      expect(listing.problems).toHaveLength(1);
    });

    it('does not wait for a project without results, and does not continue with it', async () => {
      const from = source();
      from.beforeAnswer = question =>
        question === 'list PAY' ? new Promise(() => {}) : undefined;
      const listing = await list(from, filters, { concurrency: 2, time: ended });
      expect(listing.ids).toEqual([4]);
      expect(listing).toMatchObject({
        complete: false,
        continuesAt: { projectKey: '~JDOE' },
      });
    });

    it('continues there, and in the end only that project is unknown', async () => {
      const listing = await listProjects({ from: { projectKey: 'PAY', start: 2 } });
      expect(listing.ids.sort()).toEqual([3, 4, 5]);
      expect(listing).toMatchObject({
        complete: true,
        problems: [{ projectKey: 'PAY', problem: REST, gone: false }],
      });
    });

    it('starts with the first project when that one is no longer selected', async () => {
      const listing = await listProjects({ from: { projectKey: 'GONE', start: 2 } });
      expect(listing.ids).toEqual([1, 2, 3, 4, 5]);
      expect(listing).toMatchObject({ complete: true, problems: [] });
    });
  });
});
