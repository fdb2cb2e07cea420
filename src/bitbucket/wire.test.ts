import {
  FileType,
  WirePage,
  ProjectRow,
  RateLimitSettings,
  RepositoryRow,
  ServerErrors,
  UserRateLimitSettings,
  parse,
} from './wire';

/** A repository as Bitbucket Data Center 8.0 and later lists it. */
const REPOSITORY = {
  slug: 'api',
  id: 7,
  name: 'API',
  description: 'Pays',
  hierarchyId: 'ab0e54073be2ecbcfb73',
  scmId: 'git',
  state: 'AVAILABLE',
  statusMessage: 'Available',
  forkable: true,
  project: { key: 'PAY', id: 2, name: 'Payments', public: false, type: 'NORMAL' },
  public: false,
  archived: false,
  links: {
    clone: [{ href: 'https://git.example.com/scm/pay/api.git', name: 'http' }],
    self: [{ href: 'https://git.example.com/projects/PAY/repos/api/browse' }],
  },
};

describe('RepositoryRow', () => {
  it('reads the fields discovery uses', () => {
    expect(parse(RepositoryRow, REPOSITORY)).toEqual({
      id: 7,
      projectKey: 'PAY',
      slug: 'api',
      hierarchyId: 'ab0e54073be2ecbcfb73',
      name: 'API',
      description: 'Pays',
      state: 'AVAILABLE',
      archived: false,
      fork: false,
      personal: false,
      public: false,
      selfUrl: 'https://git.example.com/projects/PAY/repos/api/browse',
    });
  });

  it('needs only id, slug and project key', () => {
    expect(parse(RepositoryRow, { id: 7, slug: 'api', project: { key: 'PAY' } })).toEqual(
      {
        id: 7,
        projectKey: 'PAY',
        slug: 'api',
        name: 'api',
        archived: false,
        fork: false,
        personal: false,
        public: false,
      },
    );
  });

  it.each<[string, object, object]>([
    ['an archived one', { archived: true }, { archived: true }],
    ['a fork by its origin', { origin: REPOSITORY }, { fork: true }],
    ['a public one', { public: true }, { public: true }],
    [
      'one in a public project',
      { project: { key: 'PAY', public: true } },
      { public: true },
    ],
    [
      'one in a personal project',
      { project: { key: '~JDOE', type: 'PERSONAL' } },
      { personal: true },
    ],
    [
      'one in a project that is personal only by its key',
      { project: { key: '~JDOE' } },
      { personal: true },
    ],
    ['one that is not available', { state: 'OFFLINE' }, { state: 'OFFLINE' }],
    ['one in a state nobody knows yet', { state: 'FROZEN' }, { state: 'FROZEN' }],
  ])('recognises %s', (_name, change, expected) => {
    expect(parse(RepositoryRow, { ...REPOSITORY, ...change })).toMatchObject(expected);
  });

  it.each<[string, object, object]>([
    ['name', { name: 17 }, { name: 'api' }],
    ['description', { description: null }, { description: undefined }],
    ['state', { state: 3 }, { state: undefined }],
    ['archived', { archived: 'yes' }, { archived: false }],
    ['public', { public: null }, { public: false }],
    ['origin', { origin: null }, { fork: false }],
    ['origin that is a number', { origin: 4 }, { fork: false }],
    ['links', { links: null }, { selfUrl: undefined }],
    ['links.self', { links: { self: [] } }, { selfUrl: undefined }],
    ['links.self that is no list', { links: { self: 'x' } }, { selfUrl: undefined }],
    ['href', { links: { self: [{ href: 5 }] } }, { selfUrl: undefined }],
    ['empty href', { links: { self: [{ href: '' }] } }, { selfUrl: undefined }],
    [
      'project id and type',
      { project: { key: 'PAY', id: 'x', type: 1 } },
      { projectKey: 'PAY', personal: false },
    ],
  ])('drops a strange %s and keeps the repository', (_name, change, expected) => {
    expect(parse(RepositoryRow, { ...REPOSITORY, ...change })).toMatchObject({
      id: 7,
      ...expected,
    });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'api'],
    ['a list', [REPOSITORY]],
    ['an error body', { errors: [{ message: 'no' }] }],
    ['no id', { ...REPOSITORY, id: undefined }],
    ['an id that is a text', { ...REPOSITORY, id: '7' }],
    ['an id that is no integer', { ...REPOSITORY, id: 7.5 }],
    ['no slug', { ...REPOSITORY, slug: undefined }],
    ['an empty slug', { ...REPOSITORY, slug: '' }],
    ['a slug that is a number', { ...REPOSITORY, slug: 17 }],
    ['no project', { ...REPOSITORY, project: null }],
    ['a project without a key', { ...REPOSITORY, project: { id: 2 } }],
    ['a project with an empty key', { ...REPOSITORY, project: { key: '' } }],
  ])('does not accept %s as a repository', (_name, value) => {
    expect(parse(RepositoryRow, value)).toBeUndefined();
  });
});

describe('ProjectRow', () => {
  it.each<[string, object, object]>([
    [
      'a normal one',
      { key: 'PAY', id: 2, type: 'NORMAL' },
      { key: 'PAY', id: 2, personal: false },
    ],
    [
      'a personal one',
      { key: '~JDOE', id: 3, type: 'PERSONAL' },
      { key: '~JDOE', id: 3, personal: true },
    ],
    ['one without id', { key: 'PAY' }, { key: 'PAY', id: undefined, personal: false }],
  ])('reads %s', (_name, value, expected) => {
    expect(parse(ProjectRow, value)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['no key', { id: 2 }],
    ['an empty key', { key: '' }],
    ['a key that is a number', { key: 2 }],
  ])('does not accept %s as a project', (_name, value) => {
    expect(parse(ProjectRow, value)).toBeUndefined();
  });
});

describe('WirePage', () => {
  it.each<[string, object, object]>([
    [
      'a page with another',
      { isLastPage: false, limit: 25, nextPageStart: 40 },
      { isLastPage: false, limit: 25, nextPageStart: 40 },
    ],
    ['a last page', { isLastPage: true, limit: 25 }, { isLastPage: true, limit: 25 }],
    [
      'a last page with null as nextPageStart',
      { isLastPage: true, nextPageStart: null },
      { isLastPage: true, nextPageStart: undefined },
    ],
    [
      'a page with null as nextPageStart',
      { isLastPage: false, nextPageStart: null },
      { isLastPage: false, nextPageStart: undefined },
    ],
    [
      'a text as nextPageStart',
      { isLastPage: false, nextPageStart: '40' },
      { nextPageStart: undefined },
    ],
    ['a limit of zero', { isLastPage: true, limit: 0 }, { limit: undefined }],
    ['a limit that is a text', { isLastPage: true, limit: '25' }, { limit: undefined }],
  ])('reads %s', (_name, value, expected) => {
    expect(parse(WirePage, { values: [1, 'x'], ...value })).toMatchObject({
      values: [1, 'x'],
      ...expected,
    });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a list', []],
    ['no values', { isLastPage: true }],
    ['values that are no list', { values: {}, isLastPage: true }],
    ['no word on whether it is the last', { values: [] }],
    ['isLastPage that is a text', { values: [], isLastPage: 'true' }],
    ['an error body', { errors: [{ message: 'no' }] }],
  ])('does not accept %s as a page', (_name, value) => {
    expect(parse(WirePage, value)).toBeUndefined();
  });
});

describe('ServerErrors', () => {
  it('reads message and exception, either of which may be missing', () => {
    const errors = [
      { context: null, message: 'Gone', exceptionName: 'com.example.GoneException' },
      { context: 'at', message: 'Bad', exceptionName: null },
      { message: 5, exceptionName: {} },
    ];
    expect(parse(ServerErrors, { errors })).toEqual([
      { message: 'Gone', exceptionName: 'com.example.GoneException' },
      { message: 'Bad', exceptionName: undefined },
      { message: undefined, exceptionName: undefined },
    ]);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a message of a proxy', { message: 'no route' }],
    ['an empty list', { errors: [] }],
    ['errors that are texts', { errors: ['NoSuchPathException'] }],
    ['errors that are no list', { errors: { exceptionName: 'NoSuchPathException' } }],
  ])('finds none in %s', (_name, value) => {
    expect(parse(ServerErrors, value)).toBeUndefined();
  });
});

describe('FileType', () => {
  it.each<[unknown, string | undefined]>([
    [{ type: 'FILE' }, 'FILE'],
    [{ type: 'DIRECTORY' }, 'DIRECTORY'],
    [{ type: 'SUBMODULE' }, 'SUBMODULE'],
    [{ type: 'SYMLINK' }, 'SYMLINK'],
    [{ type: 1 }, undefined],
    [{ size: 10 }, undefined],
    [undefined, undefined],
  ])('of %j is %s', (value, expected) => {
    expect(parse(FileType, value)).toBe(expected);
  });
});

describe('the rate limit', () => {
  const bucket = { capacity: 60, fillRate: 5 };

  it.each<[unknown, unknown]>([
    [
      { enabled: true, defaultSettings: bucket },
      { enabled: true, ...bucket },
    ],
    [
      { enabled: false, defaultSettings: bucket },
      { enabled: false, ...bucket },
    ],
    [{ enabled: true }, undefined],
    [{ defaultSettings: bucket }, undefined],
    // The limiter decides whether the value is plausible, and warns otherwise.
    [
      { enabled: true, defaultSettings: { capacity: 0, fillRate: -5 } },
      { enabled: true, capacity: 0, fillRate: -5 },
    ],
    [{ enabled: true, defaultSettings: { capacity: '60', fillRate: 5 } }, undefined],
    [undefined, undefined],
  ])('for everybody in %j is %j', (value, expected) => {
    expect(parse(RateLimitSettings, value)).toEqual(expected);
  });

  it.each<[unknown, unknown]>([
    [
      { settings: bucket, whitelisted: false },
      { whitelisted: false, bucket },
    ],
    [
      { settings: null, whitelisted: true },
      { whitelisted: true, bucket: undefined },
    ],
    [{ whitelisted: true }, { whitelisted: true, bucket: undefined }],
    [{ settings: { capacity: -1 } }, { whitelisted: false, bucket: undefined }],
    [undefined, undefined],
    ['no', undefined],
  ])('for one user in %j is %j', (value, expected) => {
    expect(parse(UserRateLimitSettings, value)).toEqual(expected);
  });
});
