/** Where a run starts, and what it leaves to the next one. */

import {
  file,
  HOUR,
  known,
  NOW,
  registered,
  repository,
  scope,
} from '../__testUtils__/discoveryData';
import { Repository } from '../model';
import {
  longestUncheckedFirst,
  originOfNext,
  outcomeSince,
  resumeOrStart,
  scopeFingerprint,
  unlistedOutcome,
} from './resume';
import { ConclusiveOutcome, KnownRepository, RunOrigin } from './types';

const SCOPE = scope();
const BEFORE: RunOrigin = {
  sinceMs: NOW - HOUR,
  sinceRevision: 3,
  scope: scopeFingerprint(SCOPE),
  listingFrom: { start: 2_000 },
};

describe('a run after one with an interrupted listing', () => {
  it('continues the same pass and lists from there', () => {
    expect(resumeOrStart(SCOPE, BEFORE, NOW, 7)).toBe(BEFORE);
  });

  it('lists from there even when the earlier results are too old to be used', () => {
    const nowMs = NOW + 24 * HOUR;
    expect(resumeOrStart(SCOPE, BEFORE, nowMs, 7)).toEqual({
      ...BEFORE,
      sinceMs: nowMs,
      sinceRevision: 7,
    });
  });

  it('starts again when its configuration has changed', () => {
    const other = scope({ paths: ['other.yaml'] });
    expect(resumeOrStart(other, BEFORE, NOW, 7)).not.toHaveProperty('listingFrom');
  });
});

describe('the next run', () => {
  const listing = { complete: false, problems: [], unreadable: 0 };
  const continuesAt = { start: 4_000 };
  const interruption = { kind: 'aborted', error: new Error('stop') } as const;

  it('continues where the listing stopped once everything listed was checked', () => {
    const result = { listing: { ...listing, continuesAt } };
    expect(originOfNext(result, BEFORE)).toEqual({ ...BEFORE, listingFrom: continuesAt });
  });

  it('lists the same part again when not everything in it was checked', () => {
    const result = { listing: { ...listing, continuesAt }, interruption };
    expect(originOfNext(result, BEFORE)).toBe(BEFORE);
  });

  it.each([true, false])(
    'starts from the beginning after a finished listing, complete: %s',
    complete => {
      expect(originOfNext({ listing: { ...listing, complete } }, BEFORE)).toBeUndefined();
    },
  );
});

describe('resumeOrStart', () => {
  const own = { sinceMs: NOW, sinceRevision: 7, scope: scopeFingerprint(SCOPE) };
  const { listingFrom: _, ...before } = BEFORE;

  it.each([
    ['no run was interrupted', undefined],
    ['the interrupted run is older than six hours', NOW - 6 * HOUR - 1],
    ['the clock was ahead when it started', NOW + 1],
  ])('starts afresh when %s', (__, sinceMs) => {
    const interrupted = sinceMs === undefined ? undefined : { ...before, sinceMs };
    expect(resumeOrStart(SCOPE, interrupted, NOW, 7)).toEqual(own);
  });

  it.each([NOW - 6 * HOUR, NOW])('resumes a run that started at %i', sinceMs => {
    const interrupted = { ...before, sinceMs };
    expect(resumeOrStart(SCOPE, interrupted, NOW, 7)).toBe(interrupted);
  });
});

it.each([
  ['host', { host: 'other.test' }],
  ['paths', { paths: ['other.yaml'] }],
  ['glob', { paths: ['**/catalog-info.yaml'] }],
  ['branch', { branch: 'develop' }],
  ['validateLocationsExist', { validateLocationsExist: false }],
  ['location parser', { isParsed: true }],
])('the fingerprint of the scope depends on its %s', (_, rest) => {
  expect(scopeFingerprint(scope(rest))).not.toBe(scopeFingerprint(SCOPE));
});

describe('unlistedOutcome', () => {
  const listing = { complete: false, problems: [], unreadable: 0 };
  const late = {
    problem: { reason: 'timeout', detail: 'too late' },
    gone: false,
  } as const;

  it('names the problems of a listing that ends early', () => {
    const problems = [late, { ...late, problem: { ...late.problem, detail: 'cut' } }];
    expect(unlistedOutcome({ ...listing, problems, continuesAt: { start: 1 } })).toEqual({
      kind: 'unknown',
      reason: 'not-checked',
      detail: 'too late; cut',
    });
  });

  it('does not name them when the listing was read to its end', () => {
    expect(unlistedOutcome({ ...listing, problems: [late] })).toMatchObject({
      reason: 'not-checked',
      detail: expect.stringContaining('ended before this repository was checked'),
    });
  });
});

describe('the outcome from an interrupted run', () => {
  const API = repository(7, 'PAY/api');
  const FOUND = registered('PAY/api');
  const NOTHING = { kind: 'absent', reason: 'no-catalog-file' } as const;
  const checked = (
    conclusive: ConclusiveOutcome,
    rest: Partial<KnownRepository> = {},
  ): KnownRepository => ({
    ...known(7, 'PAY/api', conclusive.kind === 'registered' ? conclusive.files : []),
    conclusive,
    revision: BEFORE.sinceRevision,
    ...rest,
  });

  it.each<[string, KnownRepository]>([
    ['found its file', checked(FOUND)],
    ['proved that it has none', checked(NOTHING)],
    [
      'found its file before the run ended',
      checked(FOUND, { problem: { reason: 'not-checked', detail: '' } }),
    ],
  ])('replaces a check when that run %s', (_, one) => {
    expect(outcomeSince(API, one, BEFORE)).toBe(one.conclusive);
  });

  it.each<[string, KnownRepository | undefined, Partial<Repository>?]>([
    ['it is not known', undefined],
    ['it was never conclusive', checked(FOUND, { conclusive: undefined })],
    [
      'a later check failed',
      checked(FOUND, { problem: { reason: 'timeout', detail: '' } }),
    ],
    ['it is older than that run', checked(FOUND, { revision: BEFORE.sinceRevision - 1 })],
    ['it has no revision', checked(FOUND, { revision: undefined })],
    ['the repository was renamed since', checked(FOUND), { slug: 'web' }],
    ['the repository was moved since', checked(FOUND), { projectKey: 'OPS' }],
    ['it would remove the file', checked(NOTHING, { files: [file('PAY/api')] })],
    [
      'it would remove one of two files',
      checked(FOUND, { files: [file('PAY/api'), file('PAY/api', 'b.yaml')] }),
    ],
    ['a filter excluded it', checked({ kind: 'excluded', reason: 'fork' })],
  ])('does not replace a check when %s', (_, one, row = {}) => {
    expect(outcomeSince({ ...API, ...row }, one, BEFORE)).toBeUndefined();
  });

  it('does not replace a check when no run was interrupted', () => {
    expect(outcomeSince(API, checked(FOUND), undefined)).toBeUndefined();
  });
});

it('checks first what was never checked, then what was not checked for longest', async () => {
  const ids = [1, 2, 3, 4, 5];
  const revisions = new Map([
    [1, 30],
    [2, 10],
    [4, 30],
    [5, 2],
  ]);
  const stored = new Map(
    [...revisions].map(([id, revision]) => [
      id,
      { ...known(id, `PAY/r${id}`), revision },
    ]),
  );
  const ordered = await longestUncheckedFirst(
    ids.map(id => repository(id, `PAY/r${id}`)),
    stored,
  );
  expect(ordered.map(({ id }) => id)).toEqual([3, 5, 2, 1, 4]);
});
