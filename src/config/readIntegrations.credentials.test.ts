import { JsonObject } from '@backstage/types';
import { readOneProvider, getRefusal } from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer';
const SECRET = 'hunter2';

describe('the credentials of a provider', () => {
  it.each<[string, JsonObject, object | undefined]>([
    ['none', {}, undefined],
    ['a token', { token: SECRET }, { token: SECRET }],
    ['a token with a line break behind it', { token: ` ${SECRET}\n` }, { token: SECRET }],
    [
      'a user and a password, including spaces',
      { username: 'bot', password: ' p:w ' },
      { username: 'bot', password: ' p:w ' },
    ],
  ])('may be %s', (_, keys, expected) => {
    expect(readOneProvider(keys).credentials).toEqual(expected);
  });

  it.each<[string, JsonObject, string, string]>([
    ['a user without a password', { username: 'bot' }, 'password', 'is missing; set it'],
    ['a password without a user', { password: SECRET }, 'username', 'is missing; set'],
    [
      'a token and a user',
      { token: SECRET, username: 'bot', password: SECRET },
      'token',
      'cannot be set beside username and password; keep either',
    ],
    [
      'a token and a user without a password',
      { token: SECRET, password: SECRET },
      'token',
      'cannot be set beside username and password',
    ],
    ['an empty token', { token: '' }, 'token', 'must be a non-empty string'],
    ['a blank token', { token: ' ' }, 'token', 'must be a non-empty string'],
    ['a token that is a number', { token: 7_654_321 }, 'token', 'in quotes'],
    [
      'a token that is a list',
      { token: [SECRET] },
      'token',
      'must be a non-empty string',
    ],
    ['a token of two lines', { token: `${SECRET}\n${SECRET}` }, 'token', 'line breaks'],
    [
      'a password that is a number',
      { username: 'bot', password: 7_654_321 },
      'password',
      'in quotes',
    ],
    [
      'an empty password',
      { username: 'bot', password: '' },
      'password',
      'must be a non-empty string',
    ],
    [
      'a password in the name',
      { username: `bot:${SECRET}`, password: SECRET },
      'username',
      'without a colon',
    ],
  ])('are refused without showing them: %s', (_, keys, key, part) => {
    const message = getRefusal(() => readOneProvider(keys));
    expect(message).toContain(`${ROOT}.${key} ${part.startsWith('is') ? part : ''}`);
    expect(message).toContain(part);
    expect(message).not.toMatch(/hunter2|7654321/);
    expect(message).not.toContain('\n');
  });
});
