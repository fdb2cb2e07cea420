import {
  ABSENT,
  CATALOG_FILE,
  ended,
  EXCLUDED,
  file,
  HOUR,
  known,
  location,
  memoryOf,
  NOW,
  registered,
  target,
  targetsOf,
} from '../__testUtils__/discoveryData';
import { RepositoryDelta } from './evaluateRepository';
import { GuardContext, guardEvaluation } from './guardEvaluation';
import { HeldRemoval, RepositoryResult } from './types';

const POLICY = { maxPercentage: 30, holdForMs: 24 * HOUR };
const NOTHING: RepositoryDelta = {
  added: [],
  removed: [],
  stayed: [],
  remembered: [],
  forgottenIds: [],
};
/** `PAY/api`, and others that an event leaves alone. */
const MANY = memoryOf([
  known(7, 'PAY/api'),
  known(8, 'PAY/web'),
  known(9, 'PAY/db'),
  known(10, 'PAY/doc'),
]);
const ONLY = memoryOf([known(7, 'PAY/api')]);

/** The file of `PAY/api` is gone. */
const GONE: RepositoryDelta = {
  ...NOTHING,
  removed: [location(7, 'PAY/api')],
  remembered: [known(7, 'PAY/api', [])],
};

function guard(delta: RepositoryDelta, context: Partial<GuardContext> = {}) {
  const result: RepositoryResult = ended(7, 'PAY/api', ABSENT);
  const some = { result, memory: MANY, policy: POLICY, nowMs: NOW };
  return guardEvaluation(delta, { ...some, ...context });
}

function held(sinceMs: number, approved = false, at = 'PAY/api'): HeldRemoval {
  const confirmedForMs = NOW - sinceMs;
  return { repositoryId: 7, targetUrl: target(at), sinceMs, confirmedForMs, approved };
}

describe('a removal that an event leads to', () => {
  it('happens where others are left', () => {
    expect(guard(GONE)).toEqual({ delta: GONE, held: [], heldBackReason: undefined });
  });

  it('is held back where it is the last Location, and remembered as still there', () => {
    const guarded = guard(GONE, { memory: ONLY });
    expect(guarded.delta.removed).toEqual([]);
    expect(guarded.delta.remembered).toEqual([known(7, 'PAY/api')]);
    expect(guarded.held).toEqual([held(NOW)]);
    expect(guarded.heldBackReason).toMatch(/^1 of 1 Locations/);
  });

  it('is held back where nothing may go without approval', () => {
    const policy = { ...POLICY, maxPercentage: 0 };
    expect(guard(GONE, { policy }).held).toEqual([held(NOW)]);
  });

  it('happens where the guard is off', () => {
    const policy = { ...POLICY, maxPercentage: 100 };
    expect(guard(GONE, { policy, memory: ONLY }).delta).toEqual(GONE);
  });

  it('happens where it is approved', () => {
    const memory = memoryOf(ONLY.repositories, [held(NOW - 1, true)]);
    expect(guard(GONE, { memory }).delta).toEqual(GONE);
  });

  it('is not approved by an approval for something else', () => {
    const memory = memoryOf(ONLY.repositories, [held(NOW - 1, true, 'PAY/web')]);
    expect(guard(GONE, { memory }).delta.removed).toEqual([]);
  });

  it.each([
    [
      'is held on with its first time before holdFor is over',
      24 * HOUR - 1,
      [held(NOW - 24 * HOUR + 1)],
    ],
    ['happens once holdFor is over', 24 * HOUR, []],
  ])('%s', (_, age, expected) => {
    const memory = memoryOf(ONLY.repositories, [held(NOW - age)]);
    const guarded = guard(GONE, { memory });
    expect(guarded.held).toEqual(expected);
    expect(guarded.delta.removed).toHaveLength(expected.length === 0 ? 1 : 0);
  });

  it('is judged the same where the repository is excluded or gone', () => {
    for (const result of [ended(7, 'PAY/api', EXCLUDED), undefined]) {
      expect(guard(GONE, { result, memory: ONLY }).held).toEqual([held(NOW)]);
    }
  });
});

describe('more than one removal', () => {
  const paths = Array.from({ length: 8 }, (_, index) => `f${index}.yaml`);
  const files = paths.map(path => file('PAY/api', path));
  const memory = memoryOf([known(7, 'PAY/api', files), ...MANY.repositories.slice(1)]);
  const remove = (some: readonly string[], keep: readonly string[] = []) => ({
    ...NOTHING,
    removed: some.map(path => location(7, 'PAY/api', path)),
    remembered: [
      known(
        7,
        'PAY/api',
        keep.map(path => file('PAY/api', path)),
      ),
    ],
  });

  it('of up to five is not held back', () => {
    const some = remove(paths.slice(0, 5), paths.slice(5));
    expect(guard(some, { memory }).delta.removed).toHaveLength(5);
  });

  it('that is too much is held back as a whole, and what is found stays', () => {
    const [kept = '', ...lost] = paths;
    const guarded = guard(remove(lost, [kept]), { memory });
    expect(guarded.delta.removed).toEqual([]);
    expect(guarded.held).toHaveLength(7);
    const [remembered] = guarded.delta.remembered;
    expect(remembered?.files.map(one => one.path)).toEqual(paths);
  });
});

describe('a file that is found under another URL', () => {
  const renamed: RepositoryDelta = {
    ...NOTHING,
    added: [location(7, 'PAY/gateway')],
    removed: [location(7, 'PAY/api')],
    remembered: [known(7, 'PAY/gateway')],
  };
  const result = ended(7, 'PAY/gateway', registered('PAY/gateway'));

  it('is replaced although it is the last one', () => {
    expect(guard(renamed, { result, memory: ONLY }).delta).toEqual(renamed);
  });

  it('is held back where too many go with it', () => {
    const paths = Array.from({ length: 6 }, (_, index) => `f${index}.yaml`);
    const many: RepositoryDelta = {
      ...NOTHING,
      added: paths.map(path => location(7, 'PAY/gateway', path)),
      removed: paths.map(path => location(7, 'PAY/api', path)),
      remembered: [
        known(
          7,
          'PAY/gateway',
          paths.map(path => file('PAY/gateway', path)),
        ),
      ],
    };
    const memory = memoryOf([
      known(
        7,
        'PAY/api',
        paths.map(path => file('PAY/api', path)),
      ),
    ]);
    const found = ended(7, 'PAY/gateway', registered('PAY/gateway', ...paths));
    const guarded = guard(many, { result: found, memory });
    expect(guarded.delta.removed).toEqual([]);
    expect(guarded.delta.added).toHaveLength(6);
    expect(guarded.held).toHaveLength(6);
  });

  it('is replaced although nothing may go without approval', () => {
    const policy = { ...POLICY, maxPercentage: 0 };
    expect(guard(renamed, { result, policy }).held).toEqual([]);
  });

  it('is not replaced by a file of another path', () => {
    const other = ended(7, 'PAY/gateway', registered('PAY/gateway', 'other.yaml'));
    const policy = { ...POLICY, maxPercentage: 0 };
    expect(guard(renamed, { result: other, policy }).held).toHaveLength(1);
  });
});

describe('what is held back', () => {
  it('of a placeholder is remembered with the repository whose id is known now', () => {
    const delta: RepositoryDelta = {
      ...NOTHING,
      removed: [location(-1, 'PAY/api')],
      remembered: [known(7, 'PAY/api', [])],
      forgottenIds: [-1],
    };
    const memory = memoryOf([known(-1, 'PAY/api')]);
    const guarded = guard(delta, { memory });
    expect(guarded.delta.remembered).toEqual([known(7, 'PAY/api')]);
    expect(guarded.delta.removed).toEqual([]);
  });

  it('is remembered with its own repository where several change', () => {
    const delta: RepositoryDelta = {
      ...NOTHING,
      removed: [location(8, 'PAY/web')],
      remembered: [known(7, 'PAY/api', []), known(8, 'PAY/web', [])],
    };
    const guarded = guard(delta, { policy: { ...POLICY, maxPercentage: 0 } });
    expect(guarded.delta.remembered).toEqual([
      known(7, 'PAY/api', []),
      known(8, 'PAY/web'),
    ]);
  });

  it('leaves what is added and what stays as it is', () => {
    const delta = {
      ...GONE,
      added: [location(7, 'PAY/api', 'a.yaml')],
      stayed: [location(7, 'PAY/api', 'b.yaml')],
    };
    const { delta: guarded } = guard(delta, { memory: ONLY });
    expect(targetsOf(guarded.added)).toEqual([target('PAY/api', 'a.yaml')]);
    expect(targetsOf(guarded.stayed)).toEqual([target('PAY/api', 'b.yaml')]);
    expect(guarded.remembered[0]?.files[0]?.path).toBe(CATALOG_FILE);
  });
});
