import fc from 'fast-check';
import { Repository } from '../model';
import { assessAddress, assessProject, assessRepository } from './steps';
import { RepositoryFilters } from './types';

const noFilters: RepositoryFilters = {
  exclude: {},
  skipArchivedRepos: false,
  skipForkedRepos: false,
  personalRepos: false,
};

const repository: Repository = {
  id: 1,
  projectKey: 'PAY',
  slug: 'ledger-service',
  name: 'Ledger Service',
  archived: false,
  fork: false,
  personal: false,
  public: false,
};

const personal = { ...repository, projectKey: '~jdoe', personal: true };

function assess(filters: Partial<RepositoryFilters>, subject: Repository = repository) {
  return assessRepository(subject, { ...noFilters, ...filters });
}

describe('assessRepository', () => {
  it.each<[string, Partial<RepositoryFilters>, Repository]>([
    ['an ordinary repository without filters', {}, repository],
    ['an archived one unless told otherwise', {}, { ...repository, archived: true }],
    ['a fork unless told otherwise', {}, { ...repository, fork: true }],
    ['a public one unless told otherwise', {}, { ...repository, public: true }],
    [
      'an active repository while archived ones are skipped',
      { skipArchivedRepos: true },
      repository,
    ],
    ['an original while forks are skipped', { skipForkedRepos: true }, repository],
    ['a project key that matches', { projectKey: /^PAY$/ }, repository],
    ['a project key that matches in its middle', { projectKey: /A/ }, repository],
    ['a slug that matches at its end', { repoSlug: /-service$/ }, repository],
    [
      'a repository that no exclusion matches',
      { exclude: { projectKey: /^OPS$/, repoSlug: /^x/ } },
      repository,
    ],
    ['a personal one where they are wanted', { personalRepos: true }, personal],
    [
      'a public repository with visibility public',
      { visibility: 'public' },
      { ...repository, public: true },
    ],
    ['a private one where private is wanted', { visibility: 'private' }, repository],
  ])('includes %s', (_, filters, subject) => {
    expect(assess(filters, subject)).toBeUndefined();
  });

  it.each<[string, Partial<RepositoryFilters>, Repository, string]>([
    [
      'a project key that does not match',
      { projectKey: /^OPS$/ },
      repository,
      'project-key',
    ],
    [
      'a project key that only matches case-insensitively',
      { projectKey: /^pay$/ },
      repository,
      'project-key',
    ],
    ['a slug that does not match', { repoSlug: /^ledger$/ }, repository, 'repo-slug'],
    [
      'an excluded project key',
      { exclude: { projectKey: /P/ } },
      repository,
      'excluded-by-pattern',
    ],
    [
      'an excluded slug',
      { exclude: { repoSlug: /service/ } },
      repository,
      'excluded-by-pattern',
    ],
    [
      'an archived repository while these are skipped',
      { skipArchivedRepos: true },
      { ...repository, archived: true },
      'archived',
    ],
    [
      'a fork while these are skipped',
      { skipForkedRepos: true },
      { ...repository, fork: true },
      'fork',
    ],
    ['a personal one by default', {}, personal, 'personal'],
    [
      'a private repository with visibility public',
      { visibility: 'public' },
      repository,
      'visibility',
    ],
    [
      'a public repository with visibility private',
      { visibility: 'private' },
      { ...repository, public: true },
      'visibility',
    ],
  ])('excludes %s', (_, filters, subject, reason) => {
    expect(assess(filters, subject)).toBe(reason);
  });

  it('returns the first reason in the documented order when several apply', () => {
    const subject = { ...personal, archived: true, fork: true };
    const steps: [Partial<RepositoryFilters>, string][] = [
      [{ exclude: { repoSlug: /./ } }, 'excluded-by-pattern'],
      [{ projectKey: /^OPS$/ }, 'project-key'],
      [{ repoSlug: /^other$/ }, 'repo-slug'],
      [{ skipArchivedRepos: true }, 'archived'],
      [{ skipForkedRepos: true }, 'fork'],
      [{ personalRepos: false }, 'personal'],
      [{ visibility: 'public' }, 'visibility'],
    ];
    const reasons = steps.map((_, index) => {
      const filters = steps.slice(index).map(([filter]) => filter);
      const allOfThem = Object.assign({ personalRepos: true }, ...filters);
      return assess(allOfThem, subject);
    });
    expect(reasons).toEqual(steps.map(([, reason]) => reason));
  });

  it.each([
    ['~jdoe', 'personal'],
    ['JDOE~', undefined],
  ])('determines by the key whether the project %s is personal', (projectKey, reason) => {
    expect(assessProject({ projectKey }, noFilters)).toBe(reason);
  });

  it('excludes nothing by its key or address that it would include by its row', () => {
    const pattern = fc.constantFrom(/^PAY$/, /ledger/, /^~/, undefined);
    const properties = fc.record({
      projectKey: pattern,
      repoSlug: pattern,
      exclude: fc.record({ projectKey: pattern, repoSlug: pattern }),
      skipArchivedRepos: fc.boolean(),
      skipForkedRepos: fc.boolean(),
      personalRepos: fc.boolean(),
      visibility: fc.constantFrom('public' as const, 'private' as const, undefined),
    });
    const seen = { project: 0, address: 0 };
    fc.assert(
      fc.property(properties, fc.constantFrom(repository, personal), (some, subject) => {
        const filters = { ...noFilters, ...some };
        const { projectKey, slug } = subject;
        const byProject = assessProject({ projectKey }, filters);
        const byAddress = assessAddress({ projectKey, slug }, filters);
        const byRow = assessRepository(subject, filters);
        seen.project += byProject ? 1 : 0;
        seen.address += byAddress && !byProject ? 1 : 0;
        expect(byAddress !== undefined || byProject === undefined).toBe(true);
        expect(byRow !== undefined || byAddress === undefined).toBe(true);
      }),
    );
    expect(seen.project).toBeGreaterThan(0);
    expect(seen.address).toBeGreaterThan(0);
  });

  it('prefers exclusion to every inclusion', () => {
    const pattern = fc.constantFrom(/PAY/, /ledger/, /^PAY$/, /./, undefined);
    const properties = fc.record({
      projectKey: pattern,
      repoSlug: pattern,
      skipArchivedRepos: fc.boolean(),
      skipForkedRepos: fc.boolean(),
      personalRepos: fc.boolean(),
      visibility: fc.constantFrom('public' as const, 'private' as const, undefined),
    });
    fc.assert(
      fc.property(properties, filters => {
        expect(assess({ ...filters, exclude: { projectKey: /^PAY$/ } })).toBe(
          'excluded-by-pattern',
        );
      }),
    );
  });
});
