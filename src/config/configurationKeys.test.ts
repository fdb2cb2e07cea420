import { findNearest, listKeys, suggestKey } from './configurationKeys';

describe('findNearest', () => {
  it.each([
    ['catalogpath', 'catalogPath'],
    ['catalogPaths', 'catalogPath'],
    ['concurency', 'concurrency'],
    ['requestTimout', 'requestTimeout'],
    ['hots', 'host'],
    ['hos', 'host'],
    ['prod', undefined],
    ['completely-different', undefined],
    ['', undefined],
  ])('suggests for %s the candidate %s', (word, expected) => {
    expect(findNearest(word, listKeys())).toBe(expected);
  });

  it('finds nothing where there are no candidates', () => {
    expect(findNearest('host', [])).toBeUndefined();
  });
});

describe('suggestKey', () => {
  it('prefers a sibling to a key on another level', () => {
    const siblings = listKeys('filters.exclude');
    expect(suggestKey('projectKeys', siblings)).toBe('did you mean projectKey?');
  });

  it('finds a key of the same name on another level', () => {
    expect(suggestKey('holdFor', listKeys())).toContain('removals.holdFor');
  });

  it('has no suggestion where no key is similar', () => {
    expect(suggestKey('colour', listKeys())).toBeUndefined();
  });
});
