import { Answer } from './Answer';
import {
  describe as describeReply,
  toProblem,
  toAbsenceReason,
  provesRepositoryGone,
} from './assessReply';

const EXCEPTIONS = {
  path: 'com.atlassian.bitbucket.content.NoSuchPathException',
  empty: 'com.atlassian.bitbucket.repository.EmptyRepositoryException',
  noDefault: 'com.atlassian.bitbucket.repository.NoDefaultBranchException',
  noBranch: 'com.atlassian.bitbucket.repository.NoSuchBranchException',
  object: 'com.atlassian.bitbucket.NoSuchObjectException',
  commit: 'com.atlassian.bitbucket.commit.NoSuchCommitException',
  repository: 'com.atlassian.bitbucket.repository.NoSuchRepositoryException',
  project: 'com.atlassian.bitbucket.project.NoSuchProjectException',
  permission: 'com.atlassian.bitbucket.AuthorisationException',
  label: 'com.atlassian.bitbucket.label.NoSuchLabelException',
};

function reply(status: number, body = '', headers: Record<string, string> = {}): Answer {
  return new Answer({ status, headers: new Headers(headers), body });
}

function errorBody(...exceptions: (string | null)[]): string {
  const errors = exceptions.map(exceptionName => ({
    context: null,
    message: 'It does not exist',
    exceptionName,
  }));
  return JSON.stringify({ errors });
}

/** Answers that look like "does not exist" but prove nothing. */
const PROVE_NOTHING: [string, Answer][] = [
  ['an empty 404', reply(404)],
  [
    'a 404 in XML',
    reply(404, '<?xml version="1.0"?><status><status-code>404</status-code></status>'),
  ],
  ['a 404 in plain text', reply(404, '404null for uri: https://git.example.com/x')],
  ['a 404 page in HTML', reply(404, '<html><body>NoSuchPathException</body></html>')],
  [
    'a 404 in the JSON of a proxy',
    reply(404, '{"message":"no Route matched with those values"}'),
  ],
  ['a 404 without an exception name', reply(404, errorBody(null))],
  ['a 404 with an unknown exception', reply(404, errorBody('com.example.LostException'))],
  ['a 404 for a label', reply(404, errorBody(EXCEPTIONS.label))],
  [
    'a truncated 404',
    reply(404, errorBody(EXCEPTIONS.path, EXCEPTIONS.repository).slice(0, -5)),
  ],
  [
    'a 404 whose message names the exception',
    reply(404, JSON.stringify({ errors: [{ message: 'NoSuchPathException' }] })),
  ],
  [
    'an exception whose name has only the same ending',
    reply(404, errorBody('com.example.NotNoSuchPathException')),
  ],
  ['a 401', reply(401, errorBody(EXCEPTIONS.permission))],
  ['a login page', reply(200, '<!DOCTYPE html><html></html>')],
  ['a 410', reply(410)],
];

/** Statuses with which even the right exception proves nothing. */
const POWERLESS = [200, 204, 302, 401, 403, 407, 429, 500, 502, 503];

describe('toAbsenceReason', () => {
  it.each([
    ['NoSuchPathException', EXCEPTIONS.path, false, 'no-catalog-file'],
    ['NoSuchPathException on a branch', EXCEPTIONS.path, true, 'no-catalog-file'],
    ['EmptyRepositoryException', EXCEPTIONS.empty, false, 'empty-repository'],
    ['NoDefaultBranchException', EXCEPTIONS.noDefault, false, 'branch-not-found'],
    ['NoSuchBranchException', EXCEPTIONS.noBranch, true, 'branch-not-found'],
    ['NoSuchObjectException on a branch', EXCEPTIONS.object, true, 'branch-not-found'],
    ['NoSuchCommitException on a branch', EXCEPTIONS.commit, true, 'branch-not-found'],
  ])('is proven by %s', (_name, exception, askedForBranch, reason) => {
    expect(toAbsenceReason(reply(404, errorBody(exception)), askedForBranch)).toBe(
      reason,
    );
  });

  it.each([
    ['NoSuchObjectException', EXCEPTIONS.object],
    ['NoSuchCommitException', EXCEPTIONS.commit],
  ])('is not proven by %s when no branch was requested', (_name, exception) => {
    expect(toAbsenceReason(reply(404, errorBody(exception)), false)).toBeUndefined();
  });

  it.each([
    ['NoSuchRepositoryException', EXCEPTIONS.repository],
    ['NoSuchProjectException', EXCEPTIONS.project],
  ])('is not proven by %s, which is about more than the file', (_name, exception) => {
    expect(toAbsenceReason(reply(404, errorBody(exception)), true)).toBeUndefined();
  });

  it.each(POWERLESS)('is not proven by NoSuchPathException with status %d', status => {
    expect(
      toAbsenceReason(reply(status, errorBody(EXCEPTIONS.path)), true),
    ).toBeUndefined();
  });

  it.each(PROVE_NOTHING)('is not proven by %s', (_name, answer) => {
    expect(toAbsenceReason(answer, false)).toBeUndefined();
    expect(toAbsenceReason(answer, true)).toBeUndefined();
  });

  it('is not proven by an exception behind more errors than are read', () => {
    const body = (before: number) =>
      errorBody(...Array<null>(before).fill(null), EXCEPTIONS.path);
    expect(toAbsenceReason(reply(404, body(19)), false)).toBe('no-catalog-file');
    expect(toAbsenceReason(reply(404, body(20)), false)).toBeUndefined();
  });

  it('is proven by an exception that is not the first', () => {
    const body = errorBody(null, EXCEPTIONS.path);
    expect(toAbsenceReason(reply(404, body), false)).toBe('no-catalog-file');
  });
});

describe('provesRepositoryGone', () => {
  it.each([EXCEPTIONS.repository, EXCEPTIONS.project])('is true for %s', exception => {
    expect(provesRepositoryGone(reply(404, errorBody(exception)))).toBe(true);
  });

  it.each([EXCEPTIONS.path, EXCEPTIONS.empty, EXCEPTIONS.object, EXCEPTIONS.permission])(
    'is false for %s',
    exception => {
      expect(provesRepositoryGone(reply(404, errorBody(exception)))).toBe(false);
    },
  );

  it.each(POWERLESS)('is false for NoSuchRepositoryException with status %d', status => {
    expect(provesRepositoryGone(reply(status, errorBody(EXCEPTIONS.repository)))).toBe(
      false,
    );
  });

  it.each(PROVE_NOTHING)('is false for %s', (_name, answer) => {
    expect(provesRepositoryGone(answer)).toBe(false);
  });
});

describe('toProblem', () => {
  it.each<[number, string]>([
    [200, 'unexpected-answer'],
    [204, 'unexpected-answer'],
    [302, 'unexpected-answer'],
    [400, 'unexpected-answer'],
    [401, 'not-permitted'],
    [403, 'not-permitted'],
    [404, 'unexpected-answer'],
    [405, 'unexpected-answer'],
    [407, 'unexpected-answer'],
    [429, 'rate-limited'],
    [500, 'server-error'],
    [502, 'server-error'],
    [503, 'server-error'],
    [504, 'server-error'],
  ])('of status %d is %s', (status, reason) => {
    expect(toProblem(reply(status, errorBody(null)))).toMatchObject({ reason });
    expect(toProblem(reply(status, '<html></html>'))).toMatchObject({ reason });
    expect(toProblem(reply(status))).toMatchObject({ reason });
  });

  it('quotes the first error that has a message', () => {
    const errors = [{}, { message: ' No. ', exceptionName: 'com.example.NoException' }];
    expect(toProblem(reply(401, JSON.stringify({ errors }))).detail).toBe(
      'Bitbucket refused access: 401 NoException: No.',
    );
  });
});

describe('describe', () => {
  it.each<[string, Answer, string]>([
    [
      'an error',
      reply(404, errorBody(EXCEPTIONS.path)),
      '404 NoSuchPathException: It does not exist',
    ],
    ['an error without a name', reply(400, errorBody(null)), '400 It does not exist'],
    ['an empty body', reply(404), '404 with an empty body'],
    [
      'a login page',
      reply(200, '\n<!DOCTYPE HTML><html>'),
      '200 with an HTML page (a login page or a proxy?)',
    ],
    [
      'XML',
      reply(404, '<?xml version="1.0"?><status/>'),
      '404 with an XML document (a wrong base URL?)',
    ],
    [
      'truncated JSON',
      reply(200, '{"values":['),
      '200 with a body that is not JSON, or only a part of it',
    ],
    [
      'JSON with more values than are read',
      reply(200, `[${'0,'.repeat(1_000_000)}0]`),
      '200 with a body that holds far more values than any answer from Bitbucket',
    ],
    ['a bare message', reply(404, '{"message":"no"}'), '404 no'],
    ['a text', reply(404, '404null for uri:\n /x'), '404 404null for uri: /x'],
    [
      'foreign JSON',
      reply(404, '{"detail":"no"}'),
      '404 with JSON of another shape than expected',
    ],
    [
      'a truncated error',
      reply(500, '{"errors":[{"message":"no'),
      '500 with a body that is not JSON, or only a part of it',
    ],
    [
      'a message with control characters',
      reply(400, JSON.stringify({ errors: [{ message: 'no\u001B[2J\n at all' }] })),
      '400 no\uFFFD[2J at all',
    ],
    [
      'a redirect',
      new Answer({
        status: 302,
        headers: new Headers(),
        body: '',
        redirectedTo: 'https://sso.example.com',
      }),
      '302, a redirect to https://sso.example.com',
    ],
    [
      'a redirect to an address that must not be shown',
      reply(302, '', { location: 'https://s3cret.example.com/' }),
      '302 with an empty body',
    ],
  ])('names %s', (_name, answer, expected) => {
    expect(describeReply(answer)).toBe(expected);
  });

  it('cuts long messages', () => {
    const body = JSON.stringify({ errors: [{ message: 'x'.repeat(10_000) }] });
    expect(describeReply(reply(500, body)).length).toBeLessThan(310);
  });

  it('does not quote the body of a success, whose secrets have not been removed', () => {
    const body = JSON.stringify({ errors: [{ message: 'Hello s3cret' }] });
    expect(describeReply(reply(200, body))).not.toContain('s3cret');
  });
});
