import { target } from '../__testUtils__/discoveryData';
import { isPlaceholderId } from '../discovery/identify';
import { toKnownRepositories } from './readCatalogBaseline';

describe('toKnownRepositories', () => {
  it('combines all files at one address into one repository, ignoring case', () => {
    const targets = [
      target('PAY/api', 'a.yaml'),
      target('OPS/api', 'a.yaml'),
      target('pay/API', 'b.yaml'),
    ];
    const known = toKnownRepositories(targets);
    expect(known).toHaveLength(2);
    expect(known.map(repository => repository.files.map(file => file.path))).toEqual([
      ['a.yaml', 'b.yaml'],
      ['a.yaml'],
    ]);
  });

  it('assigns each repository a separate placeholder id', () => {
    const targets = Array.from({ length: 100 }, (_, index) =>
      target(`PAY/r${index % 50}`, `${index}.yaml`),
    );
    const ids = toKnownRepositories(targets).map(repository => repository.repositoryId);
    expect(new Set(ids).size).toBe(50);
    expect(ids.every(isPlaceholderId)).toBe(true);
  });

  it('does not change the targets', () => {
    const old = 'https://host/users/jdoe/repos/mine/browse/my docs/c.yaml?at=x';
    expect(toKnownRepositories([old])).toEqual([
      {
        repositoryId: -1,
        projectKey: '~jdoe',
        slug: 'mine',
        files: [{ path: 'my docs/c.yaml', targetUrl: old, presence: 'required' }],
      },
    ]);
  });

  it('leaves out targets that are not files in Bitbucket Server', () => {
    expect(
      toKnownRepositories(['https://host/projects/PAY/repos/api', 'anchor', '']),
    ).toEqual([]);
  });

  it('returns an empty list for no targets', () => {
    expect(toKnownRepositories([])).toEqual([]);
  });
});
