import { decideRelevance, ProviderView } from './decideRelevance';
import { RepositoryChange } from './repositoryChanges';

const PAGE = 'projects/PAY/repos/api/browse';
const ADDRESS = { projectKey: 'PAY', slug: 'api' };
const NO_LINK = { id: 7, ...ADDRESS };
const API = { ...NO_LINK, selfUrl: `https://git.example.com/ctx/${PAGE}` };
const VIEW: ProviderView = { baseUrls: ['https://git.example.com/ctx/'] };

describe('whose event it is', () => {
  const from = (selfUrl: string): RepositoryChange => ({
    type: 'unknown',
    repository: { ...API, selfUrl },
  });

  it.each([
    ['the integration shows', `https://git.example.com/ctx/${PAGE}`],
    ['the listing shows', `http://internal:7990/${PAGE}`],
    ['is written otherwise', `HTTPS://GIT.example.com:443/ctx/${PAGE}/`],
    ['has a personal project', 'https://git.example.com/ctx/users/jdoe/repos/x/browse'],
  ])('is ours with a base URL that %s', (_, selfUrl) => {
    const view = { baseUrls: ['https://git.example.com/ctx', 'http://internal:7990'] };
    expect(decideRelevance(from(selfUrl), view).evaluate).toBe(true);
  });

  it.each([
    ['another host', `https://other.example.com/ctx/${PAGE}`],
    ['a host that begins alike', `https://git.example.com.evil.test/ctx/${PAGE}`],
    ['another port', `https://git.example.com:8443/ctx/${PAGE}`],
    ['another scheme', `http://git.example.com/ctx/${PAGE}`],
    ['no context path', `https://git.example.com/${PAGE}`],
    ['a context path that begins alike', `https://git.example.com/ctx2/${PAGE}`],
    ['a longer context path', `https://git.example.com/ctx/stash/${PAGE}`],
    ['another case in the context path', `https://git.example.com/CTX/${PAGE}`],
    ['a way out of it', `https://git.example.com/ctx/../${PAGE}`],
    ['credentials', `https://git.example.com@evil.test/ctx/${PAGE}`],
    ['a page of another kind', 'https://git.example.com/ctx/admin'],
    ['no URL', 'git.example.com'],
  ])('is not ours with %s, known or not', (_, selfUrl) => {
    for (const known of [undefined, ADDRESS]) {
      expect(decideRelevance(from(selfUrl), { ...VIEW, known })).toEqual({
        evaluate: false,
        reason: 'the event comes from another server',
      });
    }
  });

  it('is nobody’s where no base URL is known', () => {
    const view = { baseUrls: ['', 'not a url'] };
    expect(decideRelevance(from(API.selfUrl), view).evaluate).toBe(false);
  });

  it.each<[string, RepositoryChange, Partial<ProviderView>]>([
    [
      'id, key and slug are known',
      { type: 'unknown', repository: NO_LINK },
      { known: ADDRESS },
    ],
    [
      'the former address of a renamed one is known',
      { type: 'modified', repository: { ...NO_LINK, slug: 'new' }, was: ADDRESS },
      { known: ADDRESS },
    ],
    [
      'a project of that key is known',
      { type: 'project-modified', key: 'PAY' },
      { knownProjectKeys: new Set(['PAY']) },
    ],
    [
      'a project of the former key is known',
      { type: 'project-modified', key: 'NEW', formerKey: 'PAY' },
      { knownProjectKeys: new Set(['PAY']) },
    ],
  ])('is ours without a link when %s', (_, change, view) => {
    expect(decideRelevance(change, { ...VIEW, ...view }).evaluate).toBe(true);
  });

  it.each<[string, RepositoryChange, Partial<ProviderView>]>([
    ['nothing is known', { type: 'unknown', repository: NO_LINK }, {}],
    [
      'it has no id',
      { type: 'unknown', repository: { ...NO_LINK, id: undefined } },
      { known: ADDRESS },
    ],
    [
      'the slug is another',
      { type: 'unknown', repository: { ...NO_LINK, slug: 'x' } },
      { known: ADDRESS },
    ],
    [
      'the project is another',
      { type: 'forked', repository: { ...NO_LINK, projectKey: 'X' } },
      { known: ADDRESS },
    ],
    [
      'neither address of a renamed one is known',
      {
        type: 'modified',
        repository: { ...NO_LINK, slug: 'a' },
        was: { ...ADDRESS, slug: 'b' },
      },
      { known: ADDRESS },
    ],
    ['no project is known', { type: 'project-modified', key: 'PAY' }, {}],
    [
      'only other projects are known',
      { type: 'project-modified', key: 'PAY', formerKey: 'PAYMENTS' },
      { knownProjectKeys: new Set(['PA']) },
    ],
  ])('is not ours without a link when %s', (_, change, view) => {
    expect(decideRelevance(change, { ...VIEW, ...view })).toEqual({
      evaluate: false,
      reason: 'the event carries no link and is about nothing that is known',
    });
  });

  it('is asked before anything else: a foreign push needs no default branch', () => {
    const change: RepositoryChange = {
      type: 'pushed',
      repository: { ...API, selfUrl: `https://other.example.com/${PAGE}` },
      refs: [
        {
          refId: 'refs/heads/main',
          displayId: 'main',
          kind: 'BRANCH',
          change: 'UPDATE',
          fromHash: 'a'.repeat(40),
          toHash: 'b'.repeat(40),
        },
      ],
    };
    expect(decideRelevance(change, VIEW).evaluate).toBe(false);
  });
});
