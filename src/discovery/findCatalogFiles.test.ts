import {
  CATALOG_FILE,
  file,
  problem,
  repository,
  scope,
  target,
} from '../__testUtils__/discoveryData';
import {
  FakeRepositoryOptions,
  FakeRepositorySource,
} from '../__testUtils__/FakeRepositorySource';
import { CatalogFile, Lookup } from '../model';
import { findCatalogFiles, planLookup } from './findCatalogFiles';
import { ParsedFiles } from './types';

const API = repository(7, 'PAY/api');

describe('planLookup', () => {
  const kinds = (paths: readonly string[], validateLocationsExist = true) =>
    planLookup(API, scope({ paths, validateLocationsExist }));

  it.each<[string, readonly string[], boolean, object]>([
    [
      'one check for one plain path',
      ['/a.yaml'],
      true,
      { kind: 'check-file', path: 'a.yaml' },
    ],
    [
      'one listing for a glob',
      ['**/a.yaml'],
      true,
      { kind: 'list-files', unchecked: [] },
    ],
    [
      'one listing for several plain paths',
      ['a.yaml', 'b.yaml'],
      true,
      { kind: 'list-files', unchecked: [] },
    ],
    [
      'one listing for a glob and a plain path',
      ['*.yaml', 'b.yml'],
      true,
      { kind: 'list-files', unchecked: [] },
    ],
    [
      'nothing for plain paths that are not to be checked',
      ['a.yaml', 'b.yaml'],
      false,
      { kind: 'register-unchecked', paths: ['a.yaml', 'b.yaml'] },
    ],
    [
      'one listing for globs even when files need not be checked',
      ['*.yaml', 'b.yml'],
      false,
      { kind: 'list-files', unchecked: ['b.yml'] },
    ],
  ])('requests %s', (_, paths, validate, plan) => {
    expect(kinds(paths, validate)).toMatchObject(plan);
  });

  it('expects only globs from the listing when plain paths are not checked', () => {
    const plan = kinds(['*.yaml', 'b.yml'], false);
    expect(plan.kind === 'list-files' && plan.paths.map(path => path.kind)).toEqual([
      'glob',
    ]);
  });

  it.each(['INITIALISING', 'INITIALISATION_FAILED', 'OFFLINE', 'SOMETHING_NEW'])(
    'sends no request for a repository in state %s, which is unknown',
    state => {
      expect(planLookup({ ...API, state }, scope())).toEqual({
        kind: 'decided',
        outcome: {
          kind: 'unknown',
          reason: 'not-available',
          detail: `the repository is in state ${state}`,
        },
      });
    },
  );

  it.each(['AVAILABLE', undefined])(
    'sends requests for a repository in state %s',
    state => {
      expect(planLookup({ ...API, state }, scope()).kind).toBe('check-file');
    },
  );
});

describe('findCatalogFiles', () => {
  async function find(
    options: FakeRepositoryOptions,
    settings: Parameters<typeof scope>[0] = {},
  ) {
    const source = new FakeRepositorySource().put(7, 'PAY/api', options);
    const row = repository(7, 'PAY/api', options);
    const outcome = await findCatalogFiles(row, scope(settings), { source });
    return { outcome, asked: source.asked };
  }

  const paths = (outcome: Awaited<ReturnType<typeof find>>['outcome']) =>
    outcome.kind === 'registered' ? outcome.files.map(file => file.path) : outcome;
  const presences = (outcome: Awaited<ReturnType<typeof find>>['outcome']) =>
    outcome.kind === 'registered'
      ? Object.fromEntries(outcome.files.map(file => [file.path, file.presence]))
      : outcome;

  it('registers the file that it found with the URL that the source builds', async () => {
    const { outcome, asked } = await find({}, { branch: 'feature/a&b+c' });
    expect(outcome).toEqual({
      kind: 'registered',
      files: [
        {
          path: CATALOG_FILE,
          targetUrl: target('PAY/api', CATALOG_FILE, 'feature/a&b+c'),
          presence: 'required',
        },
      ],
    });
    expect(asked).toEqual([`file PAY/api ${CATALOG_FILE} at feature/a&b+c`]);
  });

  it.each([
    [{ files: ['README.md'] }, { kind: 'absent', reason: 'no-catalog-file' }],
    [
      { lookup: { kind: 'absent', reason: 'empty-repository' } },
      { kind: 'absent', reason: 'empty-repository' },
    ],
    [
      { lookup: { kind: 'absent', reason: 'branch-not-found' } },
      { kind: 'absent', reason: 'branch-not-found' },
    ],
    [
      { lookup: { kind: 'unknown', problem: problem('timeout', 'late') } },
      { kind: 'unknown', reason: 'timeout', detail: 'late' },
    ],
  ] as const)(
    'interprets %j in the same way for a check and a listing',
    async (has, is) => {
      expect((await find(has)).outcome).toEqual(is);
      expect((await find(has, { paths: ['**/a.yaml', 'b.yaml'] })).outcome).toEqual(is);
    },
  );

  it('registers the files that globs and plain paths match, sorted, with one listing', async () => {
    const files = ['z/catalog.yaml', 'b.yaml', 'c.yaml', '.hidden/catalog.yaml'];
    const { outcome, asked } = await find(
      { files },
      { paths: ['**/catalog.yaml', 'b.yaml'] },
    );
    expect(presences(outcome)).toEqual({
      '.hidden/catalog.yaml': 'required',
      'b.yaml': 'required',
      'z/catalog.yaml': 'required',
    });
    expect(paths(outcome)).toEqual(['.hidden/catalog.yaml', 'b.yaml', 'z/catalog.yaml']);
    expect(asked).toEqual(['files PAY/api']);
  });

  describe('when a listing of all files is too much for Bitbucket', () => {
    const tooMuch = {
      kind: 'unknown',
      problem: problem('timeout', 'too late'),
      isTooMuch: true,
    } as const;
    const find = async (
      put: FakeRepositoryOptions,
      catalogPaths: readonly string[],
      listing: Lookup<never> = tooMuch,
    ) => {
      const source = new FakeRepositorySource().put(7, 'PAY/api', put);
      const inOnePage: unknown[] = [];
      source.listFiles = async (_, options) => {
        inOnePage.push(options.inOnePage);
        return listing;
      };
      const tools = { source };
      const outcome = await findCatalogFiles(API, scope({ paths: catalogPaths }), tools);
      return { outcome, asked: source.asked, inOnePage };
    };
    const CHECKS = ['file PAY/api a.yaml', 'file PAY/api b.yaml'];
    const PLAIN = ['a.yaml', 'b.yaml'];

    it('checks plain paths one by one after requesting a single page', async () => {
      const { outcome, asked, inOnePage } = await find({ files: ['b.yaml'] }, PLAIN);
      expect(presences(outcome)).toEqual({ 'b.yaml': 'required' });
      expect(asked).toEqual(CHECKS);
      expect(inOnePage).toEqual([true]);
    });

    it('finds nothing when none of the files exists', async () => {
      const { outcome, asked } = await find({ files: ['c.yaml'] }, PLAIN);
      expect(outcome).toEqual({ kind: 'absent', reason: 'no-catalog-file' });
      expect(asked).toEqual(CHECKS);
    });

    it.each([
      [{ kind: 'unknown', problem: problem('server-error', 'it broke') }, 'server-error'],
      [{ kind: 'absent', reason: 'empty-repository' }, 'empty-repository'],
    ] as const)('ends with the first check that returns %j', async (lookup, reason) => {
      const { outcome, asked } = await find({ lookup }, PLAIN);
      expect(outcome).toMatchObject({ kind: lookup.kind, reason });
      expect(asked).toEqual(CHECKS.slice(0, 1));
    });

    it('returns unknown when a glob needs the listing', async () => {
      const { outcome, asked, inOnePage } = await find({}, ['**/a.yaml', 'b.yaml']);
      expect(outcome).toEqual({ kind: 'unknown', reason: 'timeout', detail: 'too late' });
      expect(asked).toEqual([]);
      expect(inOnePage).toEqual([false]);
    });

    it('checks no path when the listing failed for another reason', async () => {
      const { asked } = await find({}, PLAIN, { ...tooMuch, isTooMuch: undefined });
      expect(asked).toEqual([]);
    });
  });

  describe('with many files that match', () => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => `dir-${index}/a.yaml`);

    it('registers up to the limit for one repository', async () => {
      const settings = { paths: ['**/a.yaml'], maxFilesPerRepository: 3 };
      const { outcome } = await find({ files: ['README.md', ...names(3)] }, settings);
      expect(paths(outcome)).toHaveLength(3);
    });

    it('registers none above the limit, and reports their number', async () => {
      const settings = { paths: ['**/a.yaml', 'b.yaml'], maxFilesPerRepository: 3 };
      const { outcome } = await find({ files: ['b.yaml', ...names(3)] }, settings);
      expect(outcome).toEqual({
        kind: 'unknown',
        reason: 'too-many-files',
        detail: '4 files match catalogPath, more than maxFilesPerRepository (3) allows',
      });
    });

    it('yields to the event loop while it compares 100,000 of them', async () => {
      let turns = 0;
      let isOver = false;
      const count = () => {
        turns += 1;
        if (!isOver) {
          setImmediate(count);
        }
      };
      setImmediate(count);
      const { outcome } = await find({ files: names(100_000) }, { paths: ['**/a.yaml'] });
      isOver = true;
      expect(outcome).toMatchObject({ kind: 'unknown', reason: 'too-many-files' });
      expect(turns).toBeGreaterThanOrEqual(40);
    });
  });

  describe('given an empty list of files, which may be a broken answer', () => {
    const empty = { kind: 'found', value: [] } as const;
    const find = async (put: FakeRepositoryOptions, catalogPaths: readonly string[]) => {
      const source = new FakeRepositorySource().put(7, 'PAY/api', put);
      source.listFiles = async () => empty;
      const outcome = await findCatalogFiles(API, scope({ paths: catalogPaths }), {
        source,
      });
      return { outcome, asked: source.asked };
    };

    it.each([
      [['b.yaml', '**/a.yaml'], 'file PAY/api b.yaml'],
      [['**/a.yaml', 'b.yaml'], 'file PAY/api a.yaml'],
    ])('confirms with one check that %j is absent', async (catalogPaths, question) => {
      const { outcome, asked } = await find({ files: [] }, catalogPaths);
      expect(outcome).toEqual({ kind: 'absent', reason: 'no-catalog-file' });
      expect(asked).toEqual([question]);
    });

    it('returns unknown when the check finds a file', async () => {
      const { outcome } = await find({ files: ['a.yaml'] }, ['**/a.yaml']);
      expect(outcome).toMatchObject({ kind: 'unknown', reason: 'unexpected-answer' });
    });

    it('returns unknown when the check fails', async () => {
      const lookup = { kind: 'unknown', problem: problem('timeout', 'late') } as const;
      const { outcome } = await find({ lookup }, ['**/a.yaml']);
      expect(outcome).toEqual({ kind: 'unknown', reason: 'timeout', detail: 'late' });
    });
  });

  describe('when Locations need not exist', () => {
    const unchecked = { validateLocationsExist: false };

    it('registers every plain path without a request', async () => {
      const { outcome, asked } = await find(
        { files: [] },
        { ...unchecked, paths: ['b.yaml', 'a.yaml'] },
      );
      expect(paths(outcome)).toEqual(['b.yaml', 'a.yaml']);
      expect(presences(outcome)).toEqual({ 'a.yaml': 'optional', 'b.yaml': 'optional' });
      expect(asked).toEqual([]);
    });

    it('registers plain paths beside the files that globs found, and marks only the latter as proven to exist', async () => {
      const { outcome } = await find(
        { files: ['x/c.yaml', 'a.yaml', 'c.yaml'] },
        { ...unchecked, paths: ['**/c.yaml', 'a.yaml', 'b.yaml', 'c.yaml'] },
      );
      expect(paths(outcome)).toEqual(['a.yaml', 'b.yaml', 'c.yaml', 'x/c.yaml']);
      expect(presences(outcome)).toEqual({
        'a.yaml': 'optional',
        'b.yaml': 'optional',
        'c.yaml': 'required',
        'x/c.yaml': 'required',
      });
    });

    it('registers plain paths of an empty repository', async () => {
      const { outcome } = await find(
        { lookup: { kind: 'absent', reason: 'empty-repository' } },
        { ...unchecked, paths: ['**/c.yaml', 'a.yaml'] },
      );
      expect(paths(outcome)).toEqual(['a.yaml']);
    });

    it('returns unknown when the listing failed, so that files found by globs before are kept', async () => {
      const { outcome } = await find(
        { lookup: { kind: 'unknown', problem: problem() } },
        { ...unchecked, paths: ['**/c.yaml', 'a.yaml'] },
      );
      expect(outcome.kind).toBe('unknown');
    });

    it.each([
      [{ files: ['README.md'] }, 'no-catalog-file'],
      [{ lookup: { kind: 'absent', reason: 'empty-repository' } }, 'empty-repository'],
    ] as const)('is absent when there are only globs: %j', async (has, reason) => {
      const { outcome } = await find(has, { ...unchecked, paths: ['**/c.yaml'] });
      expect(outcome).toEqual({ kind: 'absent', reason });
    });
  });

  describe('a file that the catalog has under another base URL', () => {
    const at = (base: string, query = '') => ({
      ...file('PAY/api'),
      targetUrl: `${base}/projects/PAY/repos/api/browse/${CATALOG_FILE}${query}`,
    });
    const targets = async (
      before: readonly CatalogFile[],
      settings: Parameters<typeof scope>[0] = {},
    ) => {
      const source = new FakeRepositorySource().put(7, 'PAY/api');
      const outcome = await findCatalogFiles(API, scope(settings), { source, before });
      return outcome.kind === 'registered'
        ? outcome.files.map(file => file.targetUrl)
        : outcome;
    };

    it.each([
      ['http', 'http://bitbucket.test'],
      ['a context path', 'https://bitbucket.test/code/git'],
      ['its host in another case', 'https://Bitbucket.Test'],
    ])('keeps its target: %s', async (_, base) => {
      const before = at(base);
      expect(await targets([file('PAY/web'), before])).toEqual([before.targetUrl]);
    });

    it.each<[string, CatalogFile]>([
      ['that the integration does not read', at('https://git.internal.example')],
      ['on another port', at('https://bitbucket.test:7990')],
      ['with credentials in it', at('https://somebody:secret@bitbucket.test')],
      ['of another branch', at('http://bitbucket.test', '?at=develop')],
      ['of another repository', { ...at(''), targetUrl: target('PAY/web') }],
      ['that is no URL of Bitbucket', { ...at(''), targetUrl: 'catalog-info.yaml' }],
    ])('gets the new target instead of one %s', async (_, before) => {
      expect(await targets([before])).toEqual([target('PAY/api')]);
    });

    it('keeps the new target when the catalog has both', async () => {
      const both = [at('http://bitbucket.test'), file('PAY/api')];
      expect(await targets(both)).toEqual([target('PAY/api')]);
    });

    it('keeps its branch', async () => {
      const before = at('http://bitbucket.test', '?at=develop');
      expect(await targets([before], { branch: 'develop' })).toEqual([before.targetUrl]);
    });
  });

  describe('with a location parser', () => {
    const parsed = async (answer: ParsedFiles) => {
      const source = new FakeRepositorySource().put(7, 'PAY/api');
      const given: unknown[] = [];
      const outcome = await findCatalogFiles(API, scope(), {
        source,
        parseFiles: async (row, files) => {
          given.push([row.slug, files]);
          return answer;
        },
      });
      return { outcome, given };
    };

    it('registers the entities that the parser yields for the found files', async () => {
      const made = { ...file('PAY/api'), entity: { key: 'api:default/a', json: '{}' } };
      const { outcome, given } = await parsed({ kind: 'parsed', files: [made] });
      expect(outcome).toEqual({ kind: 'registered', files: [made] });
      expect(given).toEqual([['api', [file('PAY/api')]]]);
    });

    it('treats a file for which the parser yields nothing as absent', async () => {
      const { outcome } = await parsed({ kind: 'parsed', files: [] });
      expect(outcome).toEqual({ kind: 'absent', reason: 'no-catalog-file' });
    });

    it('returns unknown when the parser failed', async () => {
      const failure = problem('parser-failed', 'no such kind');
      const { outcome } = await parsed({ kind: 'failed', problem: failure });
      expect(outcome).toEqual({ kind: 'unknown', ...failure });
    });
  });

  it('throws errors of the source', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api');
    source.beforeAnswer = () => {
      throw new Error('wrong password');
    };
    await expect(findCatalogFiles(API, scope(), { source })).rejects.toThrow(
      'wrong password',
    );
  });
});
