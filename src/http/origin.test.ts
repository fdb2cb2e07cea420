/** Which redirects are followed; each one is sent with the credential. */

import { createOutgoingHeaders, isOnOrigin, isRedirect, redirectTarget } from './origin';

const ORIGIN = 'https://bitbucket.example.com:8443';
const asked = `${ORIGIN}/ctx/rest/api/latest/repos?limit=1000`;

const target = (location: string | undefined, status = 302) => {
  const headers = new Headers(location ? { location } : {});
  const { href } = redirectTarget({ status, headers }, asked) ?? {};
  return href !== undefined && isOnOrigin(href, ORIGIN) ? href : undefined;
};

describe('a redirect', () => {
  it.each([
    ['/other', `${ORIGIN}/other`],
    ['repos?start=25', `${ORIGIN}/ctx/rest/api/latest/repos?start=25`],
    [`${ORIGIN}/ctx/x#part`, `${ORIGIN}/ctx/x`],
    ['//bitbucket.example.com:8443/x', `${ORIGIN}/x`],
    ['HTTPS://BITBUCKET.EXAMPLE.COM:8443/x', `${ORIGIN}/x`],
  ])('is followed on the origin with %s', (location, expected) => {
    expect(target(location)).toBe(expected);
  });

  it.each([
    ['another host', 'https://evil.example.com:8443/x'],
    ['another host without scheme', '//evil.example.com:8443/x'],
    ['another host by backslashes', '\\\\evil.example.com:8443\\x'],
    ['a host that begins alike', 'https://bitbucket.example.com.evil.com:8443/x'],
    ['a subdomain', 'https://x.bitbucket.example.com:8443/x'],
    ['another port', 'https://bitbucket.example.com/x'],
    ['another scheme', 'http://bitbucket.example.com:8443/x'],
    ['credentials in the URL', 'https://a:b@bitbucket.example.com:8443/x'],
    ['a user in the URL', 'https://a@bitbucket.example.com:8443/x'],
    ['a password in the URL', 'https://:b@bitbucket.example.com:8443/x'],
    ['a user that looks like the host', `https://bitbucket.example.com:8443@evil.com/x`],
    ['no web address', 'javascript:alert(1)'],
    ['no URL', 'https://['],
    ['no location', undefined],
  ])('is not followed to %s', (_name, location) => {
    expect(target(location)).toBeUndefined();
  });

  it.each([301, 302, 303, 307, 308])('is followed with a %d', status => {
    expect(target('/x', status)).toBe(`${ORIGIN}/x`);
    expect(isRedirect(status)).toBe(true);
  });

  it.each([200, 201, 300, 304, 305, 401, 404, 503])(
    'is not followed with a %d',
    status => {
      expect(target('/x', status)).toBeUndefined();
      expect(isRedirect(status)).toBe(false);
    },
  );
});

it('redirectTarget returns the target of a redirect, whether or not it may be followed', () => {
  const headers = new Headers({ location: '//sso.example.com/login?from=x#top' });
  expect(redirectTarget({ status: 302, headers }, asked)?.href).toBe(
    'https://sso.example.com/login?from=x',
  );
});

describe('isOnOrigin', () => {
  it.each([
    [asked, true],
    ['https://bitbucket.example.com/x', false],
    // The origin of a blob URL is that of the URL inside it.
    [`blob:${ORIGIN}/x`, false],
    ['/relative', false],
    ['', false],
  ])('%s: %s', (url, expected) => {
    expect(isOnOrigin(url, ORIGIN)).toBe(expected);
  });
});

describe('createOutgoingHeaders', () => {
  it('asks for JSON and passes the given headers on', () => {
    const headers = createOutgoingHeaders({ Authorization: 'Bearer T0ken' });
    expect(Object.fromEntries(headers)).toEqual({
      accept: 'application/json',
      authorization: 'Bearer T0ken',
    });
  });

  it.each(['Bearer s3cret\nX-Evil: 1', 'Bearer s3cret€'])(
    'refuses what HTTP does not allow without quoting it',
    value => {
      const create = () => createOutgoingHeaders({ Authorization: value });
      expect(create).toThrow(/The header Authorization for Bitbucket cannot be sent/);
      expect(create).not.toThrow(/s3cret/);
    },
  );
});
