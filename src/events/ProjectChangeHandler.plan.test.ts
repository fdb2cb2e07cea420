import { filters, known, repository } from '../__testUtils__/discoveryData';
import { KnownRepository } from '../discovery/types';
import { Repository } from '../model';
import { planProject } from './ProjectChangeHandler';
import { ProjectChange } from './repositoryChanges';

const MODIFIED: ProjectChange = { type: 'project-modified', key: 'PAY' };
const RENAMED: ProjectChange = { ...MODIFIED, key: 'MONEY', formerKey: 'PAY' };
const ALL = filters();

/** What is planned, such as `listed 1 PAY/api` or `missing 1 PAY/api`. */
function plan(
  change = MODIFIED,
  listed: readonly Repository[] = [],
  remembered: readonly KnownRepository[] = [],
  some = ALL,
) {
  const shown = listed.map(repository => ({ repository }));
  return planProject(change, shown, remembered, some).map(item => {
    const { id, projectKey, slug } = item.repository;
    return `${item.listed ? 'listed' : 'missing'} ${id} ${projectKey}/${slug}`;
  });
}

describe('a project that was modified', () => {
  it('leads to a check of every listed repository', () => {
    const listed = [repository(1, 'PAY/api'), repository(2, 'PAY/web')];
    expect(plan(MODIFIED, listed, [known(1, 'PAY/api')])).toEqual([
      'listed 1 PAY/api',
      'listed 2 PAY/web',
    ]);
  });

  it('leads to a check of every known repository that is not listed', () => {
    const had = [known(1, 'PAY/api'), known(2, 'pay/web'), known(3, 'OPS/tool')];
    expect(plan(MODIFIED, [repository(1, 'PAY/api')], had)).toEqual([
      'listed 1 PAY/api',
      'missing 2 pay/web',
    ]);
  });

  it('names the change of each repository', () => {
    const [here, missing] = planProject(
      MODIFIED,
      [{ repository: repository(1, 'PAY/api') }],
      [known(2, 'PAY/web')],
      ALL,
    );
    expect(here?.changes.map(change => change.type)).toEqual(['modified']);
    expect(missing?.changes.map(change => change.type)).toEqual(['deleted']);
    expect(missing?.listed).toBeUndefined();
  });

  it('does not check missing repositories that had no file', () => {
    expect(plan(MODIFIED, [], [known(1, 'PAY/api', [])])).toEqual([]);
  });

  it('leaves out repositories that the filters exclude and that are not in the catalog', () => {
    const some = filters({ repoSlug: /^api$/ });
    const listed = [repository(1, 'PAY/api'), repository(2, 'PAY/web')];
    expect(plan(MODIFIED, listed, [], some)).toEqual(['listed 1 PAY/api']);
    expect(plan(MODIFIED, listed, [known(2, 'PAY/web')], some)).toEqual([
      'listed 1 PAY/api',
      'listed 2 PAY/web',
    ]);
  });

  it('leads to no checks if it is empty and had no known repositories', () => {
    expect(plan()).toEqual([]);
  });
});

describe('a project that was renamed', () => {
  it('names the former address of each repository', () => {
    const [item] = planProject(
      RENAMED,
      [{ repository: repository(1, 'MONEY/api') }],
      [],
      ALL,
    );
    expect(item?.changes).toMatchObject([
      { type: 'modified', formerAddress: { projectKey: 'PAY', slug: 'api' } },
    ]);
  });

  it('leads to a check of repositories that leave the scope', () => {
    const some = filters({ projectKey: /^PAY$/ });
    const listed = [repository(1, 'MONEY/api'), repository(2, 'MONEY/web')];
    expect(plan(RENAMED, listed, [known(1, 'PAY/api')], some)).toEqual([
      'listed 1 MONEY/api',
    ]);
  });

  it.each(['PAY/api', 'MONEY/api', 'pay/API'])(
    'matches a repository known by the address %s with the listed one',
    at => {
      expect(plan(RENAMED, [repository(1, 'MONEY/api')], [known(-1, at)])).toEqual([
        'listed 1 MONEY/api',
      ]);
    },
  );

  it('leaves repositories that are known under its former key and not listed to the next run', () => {
    const had = [known(-1, 'PAY/web'), known(2, 'PAY/db')];
    expect(plan(RENAMED, [repository(1, 'MONEY/api')], had)).toEqual([
      'listed 1 MONEY/api',
    ]);
  });

  it('uses the former address that Bitbucket has returned, not the one that the payload claims', () => {
    const claim = { ...MODIFIED, key: 'OPS', formerKey: 'VICTIM' };
    const [moved, stayed] = planProject(
      claim,
      [repository(1, 'OPS/api'), repository(2, 'OPS/web')].map(repository => ({
        repository,
      })),
      [known(1, 'PAY/old-api'), known(2, 'OPS/web')],
      ALL,
    );
    expect(moved?.changes).toMatchObject([
      { formerAddress: { projectKey: 'PAY', slug: 'old-api' } },
    ]);
    expect(stayed?.changes).toMatchObject([{ formerAddress: undefined }]);
  });
});
