import { ABSENT, file, known, registered, UNKNOWN } from '../__testUtils__/discoveryData';
import { CatalogFile, RepositoryOutcome } from '../model';
import {
  differsFrom,
  findReplacement,
  hasSameFiles,
  mergeFiles,
  withoutFiles,
} from './locations';

const A = file('PAY/api', 'a.yaml');
const B = file('PAY/api', 'b.yaml');
const entity = (key: string, json = '{}') => ({ key, json });

describe('hasSameFiles', () => {
  it('compares the files, not the objects', () => {
    expect(hasSameFiles([A, B], [{ ...A }, { ...B }])).toBe(true);
    const made = { ...A, entity: entity('component:default/a') };
    expect(hasSameFiles([made], [{ ...A, entity: entity('component:default/a') }])).toBe(
      true,
    );
  });

  it.each<[string, readonly CatalogFile[]]>([
    ['a file is missing', [A]],
    ['there is one more', [A, B, file('PAY/api', 'c.yaml')]],
    ['their order differs', [B, A]],
    ['a path differs', [A, { ...B, path: 'c.yaml' }]],
    ['a URL differs', [A, { ...B, targetUrl: `${B.targetUrl}?at=develop` }]],
    ['a presence differs', [A, { ...B, presence: 'optional' }]],
    ['an entity was made of one', [A, { ...B, entity: entity('component:default/b') }]],
  ])('finds a difference when %s', (_, others) => {
    expect(hasSameFiles([A, B], others)).toBe(false);
    expect(hasSameFiles(others, [A, B])).toBe(false);
  });

  it.each([
    ['name', entity('component:default/b')],
    ['content', entity('component:default/a', '{"kind":"API"}')],
  ])('finds a difference when an entity has another %s', (_, other) => {
    const made = { ...A, entity: entity('component:default/a') };
    expect(hasSameFiles([made], [{ ...A, entity: other }])).toBe(false);
  });
});

describe('differsFrom', () => {
  const made = { ...A, entity: entity('component:default/a') };

  it.each<[string, CatalogFile, CatalogFile | undefined, boolean]>([
    ['that the catalog does not hold', A, undefined, true],
    ['that it holds', A, { ...A }, false],
    ['whose presence was not proven before', A, { ...A, presence: 'optional' }, true],
    [
      'whose entity has changed',
      made,
      { ...A, entity: entity('component:default/a', '{"kind":"API"}') },
      true,
    ],
    ['whose entity is the same', made, { ...made, presence: 'optional' }, false],
  ])('returns whether a file %s has to be sent', (_, one, before, isSent) => {
    expect(differsFrom(one, before)).toBe(isSent);
  });
});

it('mergeFiles lists each file once', () => {
  expect(mergeFiles([A], [B, { ...A }])).toEqual([A, B]);
});

describe('withoutFiles', () => {
  const both = [A, B];

  it('returns only the repositories that lose a file, with the files that stay', () => {
    const repositories = [known(1, 'PAY/api', both), known(2, 'PAY/web')];
    expect(withoutFiles(repositories, new Set([A.targetUrl]))).toEqual([
      { ...known(1, 'PAY/api', [B]), conclusive: undefined },
    ]);
  });

  it.each<[string, RepositoryOutcome, boolean]>([
    ['drops an outcome that registered the file', registered('PAY/api', 'a.yaml'), false],
    [
      'keeps an outcome that registered other files only',
      registered('PAY/api', 'b.yaml'),
      true,
    ],
    ['keeps the proof that there is no file', ABSENT, true],
  ])('%s', (_, outcome, isKept) => {
    const conclusive = outcome.kind === 'unknown' ? undefined : outcome;
    const repositories = [{ ...known(1, 'PAY/api', both), conclusive }];
    const [after] = withoutFiles(repositories, new Set([A.targetUrl]));
    expect(after?.conclusive).toEqual(isKept ? outcome : undefined);
  });
});

describe('findReplacement', () => {
  const made = { ...A, entity: entity('component:default/a') };
  const moved = { ...file('OPS/api', 'a.yaml') };

  it.each<[string, CatalogFile, readonly CatalogFile[], string | undefined]>([
    ['another target of the same path', A, [B, moved], 'other-target'],
    ['an entity that a parser made of it', A, [made], 'other-form'],
    ['the Location of an entity that no parser makes any more', made, [A], 'other-form'],
    [
      'no other entity of a parser',
      made,
      [{ ...A, entity: entity('component:default/b') }],
      undefined,
    ],
    ['no file with another path', A, [B], undefined],
  ])('finds %s', (_, gone, files, replacement) => {
    expect(findReplacement(gone, { kind: 'registered', files })).toBe(replacement);
  });

  it.each([ABSENT, UNKNOWN, undefined])('finds nothing for the outcome %j', outcome => {
    expect(findReplacement(A, outcome)).toBeUndefined();
  });
});
