import {
  address,
  file,
  known,
  NOW,
  registered,
  repository,
  knownById,
} from '../__testUtils__/discoveryData';
import { Repository } from '../model';
import {
  addressKey,
  addressOfFile,
  identify,
  indexFiles,
  isAt,
  isPlaceholderId,
  replaceIds,
  separateByAddress,
} from './identify';
import { KnownRepository } from './types';

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
  ])('gives %s the id of the listed %s', async (at, listedAt) => {
    const before = known(-1, at, [file(at)], 5);
    expect(await identify(knownById([before]), [repository(7, listedAt)])).toEqual(
      knownById([{ ...before, repositoryId: 7 }]),
    );
  });

  it('keeps a placeholder when nothing is listed at its address', async () => {
    const before = knownById([known(-1, 'PAY/api')]);
    expect(await identify(before, [repository(7, 'OPS/api')])).toEqual(before);
  });

  it('never changes a known id, whichever repository has the address now', async () => {
    const before = knownById([known(3, 'PAY/api'), known(-1, 'PAY/web')]);
    const listed = [repository(7, 'PAY/api'), repository(8, 'PAY/web')];
    const after = await identify(before, listed);
    expect([...after.keys()]).toEqual([3, 8]);
  });

  it('keeps the files of both when the repository of a placeholder is already known', async () => {
    const before = knownById([known(7, 'PAY/old'), known(-1, 'PAY/new')]);
    const after = await identify(before, [repository(7, 'PAY/new')]);
    expect(after).toEqual(
      knownById([known(7, 'PAY/old', [file('PAY/old'), file('PAY/new')])]),
    );
  });

  it('does not change the known repositories when there are no placeholders', async () => {
    const before = knownById([known(7, 'PAY/api'), known(8, 'PAY/web', [])]);
    expect(await identify(before, [repository(9, 'PAY/api')])).toEqual(before);
  });
});

describe('addressOfFile', () => {
  const API = address('PAY/api');

  it.each([
    ['the address of its repository', 'PAY/api', 'PAY/api'],
    ['the former address of a renamed repository', 'PAY/old', 'PAY/old'],
    ['an address that only ends like that of its repository', 'XPAY/api', 'XPAY/api'],
  ])('returns %s', (_, at, expected) => {
    expect(addressOfFile(file(at), API)).toMatchObject(address(expected));
  });

  it('returns the address of the repository for an entity, whatever its URL', () => {
    const entity = { key: 'component:default/a', json: '{}' };
    expect(addressOfFile({ ...file('OPS/x'), entity }, API)).toBe(API);
  });

  it('returns the address of the repository for a URL that is not of Bitbucket', () => {
    const elsewhere = { ...file('PAY/api'), targetUrl: 'https://elsewhere.test/a.yaml' };
    expect(addressOfFile(elsewhere, API)).toBe(API);
  });
});

it.each([
  ['PAY/api', 'PAY/api', true],
  ['PAY/api', 'pay/API', true],
  ['PAY/api', 'PAY/web', false],
  ['PAY/api', 'OPS/api', false],
])('%s and %s are the same address: %s', (one, other, isSame) => {
  expect(isAt(address(one), address(other))).toBe(isSame);
});

describe('separateByAddress', () => {
  const separate = async (
    before: readonly KnownRepository[],
    ...listed: readonly Repository[]
  ) => {
    const { known: after, ...rest } = await separateByAddress(
      knownById(before),
      new Map(listed.map(row => [row.id, row])),
      ({ projectKey, slug }) => ({ projectKey: `${projectKey}-PAGE`, slug }),
    );
    return { ...rest, known: [...after.values()] };
  };

  it('gives a file at a former address a placeholder, which leads to the repository that moved', async () => {
    const before = known(7, 'PAY/old', [file('PAY/old'), file('PAY/api', 'b.yaml')]);
    const separated = await separate([before], repository(7, 'PAY/api'));
    expect(separated.known).toEqual([
      { ...before, files: [file('PAY/api', 'b.yaml')] },
      { repositoryId: -1, ...address('PAY/old'), files: [file('PAY/old')] },
    ]);
    expect([...separated.movedIds]).toEqual([[-1, 7]]);
    expect(separated.reassigned).toEqual([]);
  });

  it('uses the placeholder that the address has, and otherwise an id that none has', async () => {
    const before = [
      known(-5, 'PAY/first'),
      known(-2, 'PAY/other', []),
      known(7, 'PAY/api', [file('PAY/first', 'b.yaml'), file('PAY/second')]),
    ];
    const { known: after } = await separate(before, repository(7, 'PAY/api'));
    expect(after).toMatchObject([
      { repositoryId: -5, files: [file('PAY/first'), file('PAY/first', 'b.yaml')] },
      { repositoryId: -2, files: [] },
      { repositoryId: 7, files: [] },
      { repositoryId: -6, ...address('PAY/second'), files: [file('PAY/second')] },
    ]);
  });

  it('keeps a file whose URL spells the address as the page of the repository does', async () => {
    const before = [known(7, 'PAY/api', [file('PAY-PAGE/api')])];
    const { known: after, movedIds } = await separate(before, repository(7, 'PAY/api'));
    expect(after).toEqual(before);
    expect(movedIds.size).toBe(0);
  });

  it('reports an id that belongs to another repository now, which proves no move', async () => {
    const before = known(7, 'PAY/api');
    const separated = await separate([before], repository(7, 'OPS/web'));
    expect(separated.reassigned).toEqual([before]);
    expect(separated.movedIds.size).toBe(0);
  });

  it('returns what is where it was as the same objects', async () => {
    const before = [known(7, 'PAY/api'), known(8, 'PAY/unlisted')];
    const { known: after } = await separate(before, repository(7, 'PAY/api'));
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });
});

describe('indexFiles', () => {
  const index = (before: readonly KnownRepository[], listed: readonly Repository[]) =>
    indexFiles(knownById(before), listed);

  it('finds the files of a repository by its id, wherever it is now', async () => {
    const before = [known(7, 'PAY/old'), known(8, 'PAY/web')];
    const row = repository(7, 'PAY/api');
    const getFiles = await index(before, [row, repository(8, 'PAY/old')]);
    expect(getFiles(row)).toEqual([file('PAY/old')]);
    expect(getFiles(repository(8, 'PAY/old'))).toEqual([file('PAY/web')]);
  });

  it('adds the files of repositories that are not listed at its address', async () => {
    const before = [known(7, 'PAY/api'), known(-1, 'pay/API', [file('PAY/api', 'b')])];
    const more = known(9, 'PAY/api', [file('PAY/api', 'c')]);
    const row = repository(7, 'PAY/api');
    const getFiles = await index([...before, more], [row]);
    expect(getFiles(row).map(({ path }) => path)).toEqual([
      'catalog-info.yaml',
      'b',
      'c',
    ]);
  });

  it('finds nothing for a repository of which nothing is known', async () => {
    const row = repository(7, 'PAY/api');
    expect((await index([], [row]))(row)).toEqual([]);
    expect((await index([], []))(row)).toEqual([]);
  });
});

describe('replaceIds', () => {
  const CHECKED = { conclusive: registered('PAY/new'), checkedAtMs: NOW };
  const EMPTY = {
    conclusive: { kind: 'absent', reason: 'no-catalog-file' } as const,
    checkedAtMs: NOW - 1,
  };
  const OLD = { ...known(7, 'PAY/old'), ...EMPTY };

  it.each([
    ['of the first where it has one', OLD, 'absent', NOW - 1],
    ['of the second otherwise', known(7, 'PAY/old'), 'registered', NOW],
  ])(
    'merges two repositories with the outcome %s',
    async (_, first, kind, checkedAtMs) => {
      const second = { ...known(-1, 'PAY/new'), ...CHECKED };
      const replaced = await replaceIds(knownById([first, second]), new Map([[-1, 7]]));
      const [merged, ...others] = replaced.values();
      expect(others).toEqual([]);
      expect(merged).toMatchObject({
        repositoryId: 7,
        conclusive: { kind },
        checkedAtMs,
      });
      expect(merged?.files).toEqual([file('PAY/old'), file('PAY/new')]);
    },
  );
});
