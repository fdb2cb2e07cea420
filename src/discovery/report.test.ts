import {
  ABSENT,
  ended,
  file,
  HOUR,
  known,
  NOW,
  registered,
  target,
  UNKNOWN,
} from '../__testUtils__/discoveryData';
import {
  compareHeldRemovals,
  compareReports,
  HeldRemovalReport,
  reportHeldRepository,
  reportRepository,
} from './report';

describe('reportRepository', () => {
  it('shows the files of a registered repository, and no reason', () => {
    expect(reportRepository(ended(7, 'PAY/api', registered('PAY/api')))).toEqual({
      repositoryId: 7,
      projectKey: 'PAY',
      repositorySlug: 'api',
      outcome: 'registered',
      files: [{ path: 'catalog-info.yaml', targetUrl: target('PAY/api') }],
      checkedAtMs: NOW,
    });
  });

  it('shows which files of an unknown repository are still in the catalog, and when it was last seen', () => {
    const remembered = known(7, 'PAY/api', [file('PAY/api')], NOW - HOUR);
    const report = reportRepository(ended(7, 'PAY/api', UNKNOWN), remembered, NOW + HOUR);
    expect(report).toMatchObject({
      outcome: 'unknown',
      reason: 'server-error',
      detail: 'Bitbucket failed: 503',
      files: [{ targetUrl: target('PAY/api') }],
      checkedAtMs: NOW - HOUR,
      dueAtMs: NOW + HOUR,
    });
  });

  it('shows why a file is absent, without a detail', () => {
    const report = reportRepository(ended(7, 'PAY/api', ABSENT));
    expect(report).toMatchObject({ reason: 'no-catalog-file', files: [] });
    expect(report).not.toHaveProperty('detail');
    expect(report).not.toHaveProperty('dueAtMs');
  });

  it('shows a file once, with all entities that a parser emitted for it', () => {
    const entity = (key: string) => ({ key, json: '{}' });
    const files = [
      { ...file('PAY/api'), entity: entity('component:default/a') },
      { ...file('PAY/api'), entity: entity('component:default/b') },
    ];
    const report = reportRepository(ended(7, 'PAY/api', { kind: 'registered', files }));
    expect(report.files).toEqual([
      {
        path: 'catalog-info.yaml',
        targetUrl: target('PAY/api'),
        entityKeys: ['component:default/a', 'component:default/b'],
      },
    ]);
  });
});

function held(at: string | undefined, entryKey: string): HeldRemovalReport {
  const [projectKey = '', slug = ''] = at?.split('/') ?? [];
  return {
    repositoryId: 7,
    entryKey,
    sinceMs: NOW,
    confirmedForMs: 0,
    approved: false,
    address: at === undefined ? undefined : { projectKey, slug },
  };
}

describe('reportHeldRepository', () => {
  it('shows files that the catalog still has as registered, as far as they can be identified', () => {
    const removals = [
      held('PAY/api', target('PAY/api')),
      held('PAY/api', 'component:default/made-by-a-parser'),
    ];
    expect(reportHeldRepository(removals)).toEqual({
      repositoryId: 7,
      projectKey: 'PAY',
      repositorySlug: 'api',
      outcome: 'registered',
      files: [{ path: 'catalog-info.yaml', targetUrl: target('PAY/api') }],
    });
  });

  it.each([
    ['nothing is held', []],
    ['its repository is not known', [held(undefined, 'component:default/a')]],
  ])('shows nothing when %s', (_, removals) => {
    expect(reportHeldRepository(removals)).toBeUndefined();
  });
});

it('sorting orders reports by project key and slug in any case, then by id', () => {
  const of = (id: number, at: string) => reportRepository(ended(id, at, ABSENT));
  const ordered = [of(9, 'OPS/b'), of(3, 'pay/API'), of(4, 'PAY/api'), of(1, 'PAY/web')];
  expect([...ordered].reverse().sort(compareReports)).toEqual(ordered);
});

it('sorting orders held removals by repository, then by target', () => {
  const ordered = [
    held(undefined, 'x'),
    held(undefined, 'z'),
    held('OPS/b', 'y'),
    held('PAY/api', 'a'),
    held('pay/API', 'b'),
    held('PAY/web', 'a'),
  ];
  expect([...ordered].reverse().sort(compareHeldRemovals)).toEqual(ordered);
  expect(compareHeldRemovals(held('PAY/api', 'a'), held('PAY/api', 'A'))).toBe(0);
});
