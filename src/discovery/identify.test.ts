import { file, known, repository } from '../__testUtils__/discoveryData';
import { addressKey, identify, isPlaceholderId } from './identify';

describe('isPlaceholderId', () => {
  it.each([
    [-1, true],
    [-10_000, true],
    [0, false],
    [1, false],
  ])('returns for %d: %s', (id, expected) => {
    expect(isPlaceholderId(id)).toBe(expected);
  });
});

describe('addressKey', () => {
  it('ignores the case of letters', () => {
    const key = addressKey({ projectKey: 'PAY', slug: 'api' });
    expect(addressKey({ projectKey: 'pay', slug: 'API' })).toBe(key);
  });

  it.each([
    ['PAY', 'web'],
    ['OPS', 'api'],
    ['~PAY', 'api'],
  ])('differs for %s/%s', (projectKey, slug) => {
    const key = addressKey({ projectKey: 'PAY', slug: 'api' });
    expect(addressKey({ projectKey, slug })).not.toBe(key);
  });
});

describe('identify', () => {
  it.each([
    ['PAY/api', 'PAY/api'],
    ['~jdoe/api', '~JDOE/api'],
  ])('gives %s the id of the listed %s', (at, listedAt) => {
    const before = known(-1, at, [file(at)], 5);
    expect(identify([before], [repository(7, listedAt)])).toEqual([
      { ...before, repositoryId: 7 },
    ]);
  });

  it('keeps a placeholder when nothing is listed at its address', () => {
    const before = [known(-1, 'PAY/api')];
    expect(identify(before, [repository(7, 'OPS/api')])).toEqual(before);
  });

  it('never changes a known id, whichever repository has the address now', () => {
    const before = [known(3, 'PAY/api'), known(-1, 'PAY/web')];
    const listed = [repository(7, 'PAY/api'), repository(8, 'PAY/web')];
    expect(identify(before, listed).map(repository => repository.repositoryId)).toEqual([
      3, 8,
    ]);
  });

  it('keeps the files of both when the repository of a placeholder is already known', () => {
    const before = [known(7, 'PAY/old'), known(-1, 'PAY/new')];
    const after = identify(before, [repository(7, 'PAY/new')]);
    expect(after).toEqual([known(7, 'PAY/old', [file('PAY/old'), file('PAY/new')])]);
  });

  it('does not change the known repositories when there are no placeholders', () => {
    const before = [known(7, 'PAY/api'), known(8, 'PAY/web', [])];
    expect(identify(before, [repository(9, 'PAY/api')])).toEqual(before);
  });
});
