import { changedAddresses } from './changedAddresses';
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

describe('where something else is found than was known', () => {
  it.each<[string, KnownRepository[], CatalogLocation[], CatalogLocation[], string[]]>([
    ['is nowhere without a change', [known(1, 'api')], [location(1, 'api')], [], []],
    ['is where a file is new', [], [location(1, 'api')], [], ['api']],
    ['is where a file is gone', [known(1, 'api')], [], [location(1, 'api')], ['api']],
    [
      'is where another repository is now',
      [known(1, 'api'), known(2, 'web')],
      [location(3, 'api'), location(2, 'web')],
      [],
      ['api'],
    ],
  ])('%s', async (_, before, locations, removed, slugs) => {
    const changed = await changedAddresses({
      reconciliation: { locations, removed },
      result: { known: before },
    });
    expect(changed.map(one => one.slug)).toEqual(slugs);
  });
});
