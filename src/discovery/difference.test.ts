import {
  ABSENT,
  ended,
  file,
  HOUR,
  known,
  NOW,
  problem,
  registered,
  UNKNOWN,
  knownById,
} from '../__testUtils__/discoveryData';
import { RepositoryOutcome } from '../model';
import {
  findDifference,
  Findings,
  knownAfter,
  knownAfterCheck,
  UnchangedStates,
} from './difference';
import { KnownRepository, RepositoryResult } from './types';

const A = file('PAY/api', 'a.yaml');
const B = file('PAY/api', 'b.yaml');
const FOUND = registered('PAY/api', 'a.yaml');

/** As stored by a check with revision 3, an hour ago. */
const BEFORE: KnownRepository = {
  ...known(7, 'PAY/api', [A, B]),
  conclusive: registered('PAY/api', 'a.yaml', 'b.yaml'),
  checkedAtMs: NOW - HOUR,
  revision: 3,
};

const result = (outcome: RepositoryOutcome, revision?: number): RepositoryResult => ({
  ...ended(7, 'PAY/api', outcome),
  revision,
});

describe('the known state of a repository after a check', () => {
  it('has its outcome, and still the files that the check did not find', () => {
    const { files, ...rest } = knownAfterCheck(result(FOUND, 4), BEFORE);
    expect(files).toEqual([A, B]);
    expect(rest).toMatchObject({ conclusive: FOUND, checkedAtMs: NOW, revision: 4 });
    expect(rest.problem).toBeUndefined();
  });

  it('has only the files that were found when nothing was known', () => {
    expect(knownAfterCheck(result(FOUND), undefined).files).toEqual([A]);
  });

  it('keeps the last conclusive outcome beside the problem of an inconclusive check', () => {
    expect(knownAfterCheck(result(UNKNOWN, 4), BEFORE)).toMatchObject({
      files: [A, B],
      conclusive: BEFORE.conclusive,
      checkedAtMs: NOW - HOUR,
      problem: problem(),
      revision: 4,
    });
  });

  it.each<[string, RepositoryOutcome, number | undefined]>([
    [
      'was not reached by the run',
      { kind: 'unknown', reason: 'not-checked', detail: '' },
      4,
    ],
    ['has no revision', UNKNOWN, undefined],
  ])('keeps the revision of the last check when it %s', (_, outcome, revision) => {
    expect(knownAfterCheck(result(outcome, revision), BEFORE).revision).toBe(3);
  });
});

describe('the known state that a check confirms', () => {
  const files = [A, B].map(one => ({ ...one }));
  const SAME = result({ kind: 'registered', files }, 4);
  const NONE = { kind: 'absent', reason: 'no-catalog-file' } as const;
  const EMPTY: KnownRepository = { ...BEFORE, files: [], conclusive: NONE };

  it('is the same object', () => {
    expect(knownAfterCheck(SAME, BEFORE)).toBe(BEFORE);
    expect(knownAfterCheck(result({ ...NONE }, 4), EMPTY)).toBe(EMPTY);
  });

  it.each<[string, KnownRepository, RepositoryResult]>([
    ['in doubt before', { ...BEFORE, problem: problem() }, SAME],
    ['not stored yet', { ...BEFORE, revision: undefined }, SAME],
    ['at another slug', { ...BEFORE, slug: 'old' }, SAME],
    ['in another project', { ...BEFORE, projectKey: 'OPS' }, SAME],
    ['in another hierarchy', { ...BEFORE, hierarchyId: 'h' }, SAME],
    ['never conclusive', { ...BEFORE, conclusive: undefined }, SAME],
    ['without one of its files', BEFORE, result(FOUND, 4)],
    ['with other files in the catalog', { ...BEFORE, files: [A] }, SAME],
    ['absent before', { ...EMPTY, files: BEFORE.files }, SAME],
    ['registered before', BEFORE, result(ABSENT, 4)],
    [
      'absent for another reason',
      EMPTY,
      result({ kind: 'absent', reason: 'empty-repository' }, 4),
    ],
  ])('does not include a repository %s', (_, before, checked) => {
    expect(knownAfterCheck(checked, before)).toMatchObject({ slug: 'api', revision: 4 });
  });

  it('keeps its time and revision after a run, but not after an event', async () => {
    const results = new Map([[7, SAME]]);
    const findings = {
      known: knownById([BEFORE]),
      results,
      hasLeft: () => true,
      getOwner: () => 7,
    };
    const difference = await findDifference(findings);
    const after = (unchanged: UnchangedStates) =>
      knownAfter(findings, difference, unchanged);
    expect((await after({ others: 'forget', getStored: () => BEFORE }))[0]).toBe(BEFORE);
    expect(await after({ others: 'forget' })).toEqual([
      { ...BEFORE, checkedAtMs: NOW, revision: 4 },
    ]);
  });

  it('stays as stored during the run that has found it', async () => {
    const results = new Map([[7, SAME]]);
    const findings = {
      known: knownById([]),
      results,
      hasLeft: () => true,
      getOwner: () => 7,
    };
    const difference = await findDifference(findings);
    const getStored = () => BEFORE;
    const [after] = await knownAfter(findings, difference, {
      others: 'forget',
      getStored,
    });
    expect(after).toBe(BEFORE);
  });
});

describe('the known state of repositories that were not checked', () => {
  const web = known(8, 'PAY/web');

  /** After a check of `PAY/api` that found `a.yaml` at its address. */
  async function after(
    others: readonly KnownRepository[],
    rest: Partial<Findings> = {},
    unchanged: UnchangedStates = { others: 'keep' },
  ) {
    const findings: Findings = {
      known: knownById(others),
      results: new Map([[7, result(FOUND)]]),
      hasLeft: () => false,
      getOwner: ({ repositoryId }) => repositoryId,
      ...rest,
    };
    return knownAfter(findings, await findDifference(findings), unchanged);
  }

  it('is the same object when nothing changes', async () => {
    const [same] = await after([web]);
    expect(same).toBe(web);
    const several = known(9, 'PAY/docs', [file('PAY/docs', 'x'), file('PAY/docs', 'y')]);
    const [copied] = await after([several], { getOwner: () => 9 });
    expect(copied).toBe(several);
  });

  it('loses a file that belongs to the repository that is at its address now', async () => {
    const [former] = await after([known(8, 'PAY/api', [A, B])]);
    expect(former).toMatchObject({ repositoryId: 8, files: [B] });
  });

  it('is dropped without remaining files, or kept without them', async () => {
    const former = known(8, 'PAY/api', [A]);
    expect(await after([former], {}, { others: 'forget' })).toMatchObject([
      { repositoryId: 7 },
    ]);
    expect(await after([former])).toMatchObject([
      { repositoryId: 8, files: [] },
      { repositoryId: 7 },
    ]);
  });

  it('gives its files to their owner, each once', async () => {
    const shared = [known(8, 'PAY/web', [A, B]), known(9, 'PAY/web', [B])];
    const results = new Map([[7, result(ABSENT)]]);
    const [all] = (await after(shared, { results, getOwner: () => 7 })).slice(-1);
    expect(all).toMatchObject({ repositoryId: 7, files: [A, B] });
  });
});
