import { file } from '../__testUtils__/discoveryData';
import { CatalogFile } from '../model';
import { findDuplicateEntities } from './describeConflicts';
import { RepositoryResult } from '../discovery/types';

const made = (key: string): CatalogFile => ({
  ...file('PAY/api'),
  entity: { key, json: '{}' },
});

function registered(id: number, slug: string, ...files: CatalogFile[]): RepositoryResult {
  return {
    repository: { id, projectKey: 'PAY', slug },
    outcome: { kind: 'registered', files },
  };
}

describe('duplicate entities', () => {
  it('are reported with all repositories that provide them', () => {
    const results = [
      registered(1, 'api', made('component:default/a'), made('component:default/shared')),
      registered(2, 'web', made('component:default/shared')),
    ];

    expect(findDuplicateEntities(results)).toEqual([
      {
        key: 'component:default/shared',
        repositories: [
          { id: 1, projectKey: 'PAY', slug: 'api' },
          { id: 2, projectKey: 'PAY', slug: 'web' },
        ],
      },
    ]);
  });

  it('are empty when each repository has its own, or none is known', () => {
    const unknown: RepositoryResult = {
      repository: { id: 3, projectKey: 'PAY', slug: 'new' },
      outcome: { kind: 'unknown', reason: 'timeout', detail: 'no answer' },
    };
    const results = [
      registered(1, 'api', file('PAY/api')),
      registered(2, 'web', file('PAY/web')),
      unknown,
    ];

    expect(findDuplicateEntities(results)).toEqual([]);
  });
});
