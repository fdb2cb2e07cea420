import fc from 'fast-check';
import { Unanswered } from '../model';
import { Answer } from './Answer';
import { nextPage, PageStep, readPages } from './pages';
import { PageQuery } from './restUrls';
import { Page } from './wire';

function reply(body: unknown, status = 200): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Answer({ status, headers: new Headers(), body: text });
}

/** A server that pages over rows as Bitbucket does: `start` also counts hidden rows. */
function server(rows: readonly { id: number; hidden: boolean }[], cap: number) {
  return ({ start, limit }: PageQuery): Answer => {
    const used = Math.min(limit, cap);
    const values: number[] = [];
    for (let row = start; row < rows.length; row += 1) {
      const { id = 0, hidden = true } = rows[row] ?? {};
      if (hidden) continue;
      if (values.length === used) {
        const page = { size: used, limit: used, values, start };
        return reply({ ...page, isLastPage: false, nextPageStart: row });
      }
      values.push(id);
    }
    return reply({ size: values.length, limit: used, isLastPage: true, values, start });
  };
}

async function read(
  answer: (page: PageQuery, index: number) => Answer | Unanswered,
  limit = 1000,
  least = limit,
) {
  const asked: PageQuery[] = [];
  const steps: PageStep[] = [];
  const ask = async (page: PageQuery) => answer(page, asked.push({ ...page }) - 1);
  for await (const step of readPages(ask, { limit, least })) {
    steps.push(step);
  }
  const values = steps.flatMap(step => (step.kind === 'page' ? step.page.values : []));
  const failure = steps.find(step => step.kind === 'failed');
  return { asked, steps, values, failure };
}

const brokenBecause = (what: string) => ({
  why: {
    problem: {
      reason: 'unexpected-answer',
      detail: `Bitbucket's listing is broken: ${what}`,
    },
  },
});

const rows = (count: number, hidden: (index: number) => boolean = () => false) =>
  Array.from({ length: count }, (_, id) => ({ id, hidden: hidden(id) }));

describe('readPages', () => {
  it('sends one request if one page contains everything', async () => {
    const { asked, values, failure } = await read(server(rows(3), 1000));
    expect(asked).toEqual([{ start: 0, limit: 1000 }]);
    expect(values).toEqual([0, 1, 2]);
    expect(failure).toBeUndefined();
  });

  it('reads an empty listing', async () => {
    const { asked, steps, values } = await read(server([], 1000));
    expect(asked).toHaveLength(1);
    expect(steps).toHaveLength(1);
    expect(values).toEqual([]);
  });

  it('keeps the limit that the server really used', async () => {
    const { asked, values } = await read(server(rows(250), 100));
    expect(asked).toEqual([
      { start: 0, limit: 1000 },
      { start: 100, limit: 100 },
      { start: 200, limit: 100 },
    ]);
    expect(values).toHaveLength(250);
  });

  it('does not raise its limit where a server claims a higher one', async () => {
    const pages = [
      { values: [1], isLastPage: false, limit: 5000, nextPageStart: 1 },
      { values: [2], isLastPage: true, limit: 5000 },
    ];
    const { asked } = await read((_page, index) => reply(pages[index]));
    expect(asked[1]).toEqual({ start: 1, limit: 1000 });
  });

  it('continues at nextPageStart, not where the values end', async () => {
    const { asked, values } = await read(
      server(
        rows(10, id => id % 3 !== 0),
        2,
      ),
      2,
    );
    expect(asked.map(({ start }) => start)).toEqual([0, 6]);
    expect(values).toEqual([0, 3, 6, 9]);
  });

  it('does not take a short or empty page for the last one', async () => {
    const pages = [
      { values: [], isLastPage: false, limit: 25, nextPageStart: 25 },
      { values: [7], isLastPage: false, limit: 25, nextPageStart: 50 },
      { values: [8], isLastPage: true, limit: 25 },
    ];
    const { values, failure } = await read((_page, index) => reply(pages[index]));
    expect(values).toEqual([7, 8]);
    expect(failure).toBeUndefined();
  });

  it.each([{}, { nextPageStart: null }])('ends at a last page with %j', async next => {
    const { asked, failure } = await read(() =>
      reply({ values: [1], isLastPage: true, ...next }),
    );
    expect(asked).toHaveLength(1);
    expect(failure).toBeUndefined();
  });

  it('passes on rows that two pages share', async () => {
    const pages = [
      { values: [1, 2], isLastPage: false, nextPageStart: 2 },
      { values: [2, 3], isLastPage: true },
    ];
    const { values } = await read((_page, index) => reply(pages[index]));
    expect(values).toEqual([1, 2, 2, 3]);
  });

  it.each<[string, object]>([
    ['no next page', {}],
    ['null for the next page', { nextPageStart: null }],
    ['a text for the next page', { nextPageStart: '2' }],
    ['itself for the next page', { nextPageStart: 0 }],
    ['a page before itself', { nextPageStart: -1 }],
  ])(
    'fails after the values of a page that is not the last and names %s',
    async (_name, next) => {
      const { asked, values, failure } = await read(() =>
        reply({ values: [1], isLastPage: false, limit: 1, ...next }),
      );
      expect(asked).toHaveLength(1);
      expect(values).toEqual([1]);
      expect(failure).toMatchObject({
        why: { problem: { reason: 'unexpected-answer' } },
      });
    },
  );

  it('fails where a cache answers every page with the first', async () => {
    const { asked, failure } = await read(() =>
      reply({ values: [1], isLastPage: false, nextPageStart: 1 }),
    );
    expect(asked).toHaveLength(2);
    expect(failure).toMatchObject({ why: { problem: { reason: 'unexpected-answer' } } });
  });

  it('fails where the listing of a server never ends', async () => {
    const { asked, failure } = await read(({ start }) =>
      reply({ values: [], isLastPage: false, nextPageStart: start + 1 }),
    );
    expect(asked).toHaveLength(10_000);
    expect(failure).toMatchObject(brokenBecause('it goes on after 10000 pages'));
  });

  it('fails at a page with far more rows than were requested, and drops them', async () => {
    const { asked, values, failure } = await read(
      (_page, index) =>
        index === 0
          ? reply({ values: [1], isLastPage: false, nextPageStart: 1 })
          : reply({ values: Array(1_026).fill(2), isLastPage: true }),
      25,
    );
    expect(asked).toHaveLength(2);
    expect(values).toEqual([1]);
    expect(failure).toMatchObject(
      brokenBecause('a page holds 1026 rows where 25 were asked for'),
    );
  });

  it('reads a page with a few more rows than were requested', async () => {
    const page = { values: Array(1_025).fill(2), isLastPage: true };
    const { values, failure } = await read(() => reply(page), 25);
    expect(values).toHaveLength(1_025);
    expect(failure).toBeUndefined();
  });

  it('fails if the pages together have more rows than any listing', async () => {
    const values = Array(100_000).fill(0);
    const {
      asked,
      values: kept,
      failure,
    } = await read(
      ({ start }) => reply({ values, isLastPage: false, nextPageStart: start + 1 }),
      100_000,
    );
    expect(asked).toHaveLength(6);
    expect(kept).toHaveLength(500_000);
    expect(failure).toMatchObject(brokenBecause('it goes on after 500000 rows'));
  });

  it('fails where the pages together are larger than any listing', async () => {
    const padding = ' '.repeat(32 * 1024 * 1024);
    const { asked, failure } = await read(({ start }) => {
      const page = { values: [start], isLastPage: false, nextPageStart: start + 1 };
      return reply(JSON.stringify(page) + padding);
    });
    expect(asked).toHaveLength(16);
    expect(failure).toMatchObject(brokenBecause('it goes on after 512 MiB'));
  });

  it.each<[string, Answer | Unanswered, string]>([
    [
      'a request without an answer',
      { kind: 'unknown', problem: { reason: 'timeout', detail: 'late' } },
      'timeout',
    ],
    ['503', reply('', 503), 'server-error'],
    ['429', reply('', 429), 'rate-limited'],
    ['401', reply('', 401), 'not-permitted'],
    ['404', reply('', 404), 'unexpected-answer'],
    ['204', reply('', 204), 'unexpected-answer'],
    [
      'a page with status 404',
      reply({ values: [], isLastPage: true }, 404),
      'unexpected-answer',
    ],
    ['a login page', reply('<html></html>'), 'unexpected-answer'],
    ['half a page', reply('{"values":[{"id":1},'), 'unexpected-answer'],
    ['foreign JSON', reply({ status: 'ok' }), 'unexpected-answer'],
  ])(
    'fails at a later page with %s and keeps what it read',
    async (_name, answer, reason) => {
      const first = reply({ values: [1], isLastPage: false, nextPageStart: 1 });
      const { asked, values, steps } = await read((_page, index) =>
        index === 0 ? first : answer,
      );
      expect(asked).toHaveLength(2);
      expect(values).toEqual([1]);
      expect(steps.at(-1)).toMatchObject({
        kind: 'failed',
        why: { problem: { reason } },
      });
    },
  );

  it('rethrows the error of a request', async () => {
    const error = new Error('aborted');
    const refuse = async () => {
      throw error;
    };
    await expect(readPages(refuse, { limit: 1, least: 1 }).next()).rejects.toBe(error);
  });

  it('requests no further page once the caller stops reading', async () => {
    let asked = 0;
    const ask = async ({ start }: PageQuery) => {
      asked += 1;
      return reply({ values: [1], isLastPage: false, nextPageStart: start + 1 });
    };
    const pages = readPages(ask, { limit: 1, least: 1 });
    await pages.next();
    await pages.return(undefined);
    expect(asked).toBe(1);
  });

  it('yields each visible row once, in the fewest requests, whatever the sizes', async () => {
    const hidden = fc.array(fc.boolean(), { maxLength: 60 });
    const size = fc.integer({ min: 1, max: 20 });
    await fc.assert(
      fc.asyncProperty(hidden, size, size, async (flags, limit, cap) => {
        const all = flags.map((flag, id) => ({ id, hidden: flag }));
        const visible = all.filter(row => !row.hidden).map(row => row.id);
        const { asked, values, failure } = await read(server(all, cap), limit);
        const fewest = Math.max(1, Math.ceil(visible.length / Math.min(limit, cap)));
        expect(values).toEqual(visible);
        expect(asked).toHaveLength(fewest);
        expect(failure).toBeUndefined();
      }),
    );
  });
});

describe('a page that is too much for one answer', () => {
  const tooMuch: Unanswered = {
    kind: 'unknown',
    problem: { reason: 'timeout', detail: 'late' },
    isTooMuch: true,
  };
  const limits = (asked: readonly PageQuery[]) => asked.map(query => query.limit);

  it('is requested again with half the limit, which then applies to the following pages', async () => {
    const answer = server(rows(2_000), 1000);
    const { asked, values, failure } = await read(
      page => (page.start >= 1000 && page.limit > 300 ? tooMuch : answer(page)),
      1000,
      125,
    );
    expect(asked.slice(0, 5)).toEqual([
      { start: 0, limit: 1000 },
      { start: 1000, limit: 1000 },
      { start: 1000, limit: 500 },
      { start: 1000, limit: 250 },
      { start: 1250, limit: 250 },
    ]);
    expect(values).toEqual(rows(2_000).map(({ id }) => id));
    expect(failure).toBeUndefined();
  });

  it('continues at nextPageStart with the smaller limit too', async () => {
    const answer = server(
      rows(40, id => id % 4 !== 0),
      8,
    );
    const { asked, values } = await read(
      page => (page.limit > 5 ? tooMuch : answer(page)),
      8,
      2,
    );
    expect(asked.map(({ start }) => start)).toEqual([0, 0, 16, 32]);
    expect(values).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
  });

  it('fails where even the smallest limit is too much', async () => {
    const { asked, failure } = await read(() => tooMuch, 1000, 300);
    expect(limits(asked)).toEqual([1000, 500, 300]);
    expect(failure).toMatchObject({ why: { problem: { detail: 'late' } } });
  });

  it('is also recognised by the timeout of a proxy', async () => {
    const { asked, failure } = await read(() => reply('', 504), 1000, 500);
    expect(limits(asked)).toEqual([1000, 500]);
    expect(failure).toMatchObject({ why: { problem: { reason: 'server-error' } } });
  });

  it('is not one that failed for another reason', async () => {
    const { asked } = await read(() => reply('', 503), 1000, 125);
    expect(asked).toHaveLength(1);
  });

  it('is attempted once where it times out, at the smallest limit as often as any request', async () => {
    const final: boolean[] = [];
    const ask = async (_page: PageQuery, options: { isTimeoutFinal: boolean }) => {
      final.push(options.isTimeoutFinal);
      return tooMuch;
    };
    await readPages(ask, { limit: 1000, least: 250 }).next();
    expect(final).toEqual([true, true, false]);
  });
});

describe('nextPage', () => {
  const asked = { start: 100, limit: 50 };
  const problem = { reason: 'unexpected-answer', detail: expect.any(String) };

  it.each<[string, Partial<Page>, unknown]>([
    ['the end of a last page', { isLastPage: true, nextPageStart: 150 }, 'end'],
    ['the next page', { nextPageStart: 170 }, { start: 170, limit: 50 }],
    [
      'the next with a lower limit',
      { nextPageStart: 110, limit: 10 },
      { start: 110, limit: 10 },
    ],
    ['a problem where there is none', {}, problem],
    ['a problem where it does not advance', { nextPageStart: 100 }, problem],
  ])('is %s', (_name, page, expected) => {
    expect(nextPage(asked, { values: [], isLastPage: false, ...page })).toEqual(expected);
  });
});
