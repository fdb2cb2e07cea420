import { changedAddresses } from './reconcile';
import { CatalogLocation, KnownRepository } from './types';

const file = (slug: string) => ({
  path: 'catalog-info.yaml',
  targetUrl: `https://host/projects/PAY/repos/${slug}/browse/catalog-info.yaml`,
  presence: 'required' as const,
});
const location = (id: number, slug: string): CatalogLocation => ({
  repository: { id, projectKey: 'PAY', slug },
  file: file(slug),
});
const known = (repositoryId: number, slug: string): KnownRepository => ({
  repositoryId,
  projectKey: 'PAY',
  slug,
  files: [file(slug)],
});

describe('the changed addresses', () => {
  it.each<[string, KnownRepository[], CatalogLocation[], CatalogLocation[], string[]]>([
    ['are empty without a change', [known(1, 'api')], [location(1, 'api')], [], []],
    ['include the address of a new file', [], [location(1, 'api')], [], ['api']],
    [
      'include the address of a deleted file',
      [known(1, 'api')],
      [],
      [location(1, 'api')],
      ['api'],
    ],
    [
      'include the address that another repository now has',
      [known(1, 'api'), known(2, 'web')],
      [location(3, 'api'), location(2, 'web')],
      [],
      ['api'],
    ],
  ])('%s', async (_, before, locations, removed, slugs) => {
    const changed = await changedAddresses({
      reconciliation: { locations, removed },
      result: { known: new Map(before.map(one => [one.repositoryId, one])) },
    });
    expect(changed.map(repository => repository.slug)).toEqual(slugs);
  });
});
