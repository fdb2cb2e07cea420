import { file, target } from '../__testUtils__/discoveryData';
import { repositoryReport as report } from '../__testUtils__/reportData';
import { findSharedFiles, ProviderFiles } from './describeConflicts';

const provider = (providerId: string, ...at: readonly string[]): ProviderFiles => ({
  providerId,
  repositories: at.map((address, id) => report(id, address)),
});

describe('files that several providers would register', () => {
  it.each<[string, ProviderFiles[]]>([
    ['there is one provider', [provider('a', 'PAY/api', 'PAY/web')]],
    ['each has its own', [provider('a', 'PAY/api'), provider('b', 'PAY/web')]],
    ['no file was found', [provider('a'), provider('b')]],
    [
      'the providers have different files of one repository',
      [
        provider('a', 'PAY/api'),
        {
          providerId: 'b',
          repositories: [report(1, 'PAY/api', { files: [file('PAY/api', 'b.yaml')] })],
        },
      ],
    ],
  ])('are empty when %s', (_, providers) => {
    expect(findSharedFiles(providers)).toEqual([]);
  });

  it('are reported with all sides and a remedy, in the order of the files', () => {
    const shared = findSharedFiles([
      provider('a', 'PAY/web', 'PAY/api'),
      provider('b', 'PAY/api', 'PAY/other'),
      provider('c', 'PAY/api', 'PAY/web', 'PAY/web'),
    ]);

    expect(shared).toEqual([
      {
        kind: 'location',
        projectKey: 'PAY',
        repositorySlug: 'web',
        path: 'catalog-info.yaml',
        targetUrl: target('PAY/web'),
        providerIds: ['a', 'c'],
        explanation:
          'catalog-info.yaml of PAY/web would be registered by the providers a and c. The catalog accepts it from the one that comes first.',
        remedy: expect.stringContaining('`filters`'),
      },
      expect.objectContaining({
        path: 'catalog-info.yaml',
        targetUrl: target('PAY/api'),
        providerIds: ['a', 'b', 'c'],
        explanation: expect.stringContaining('the providers a, b and c'),
      }),
    ]);
  });
});
