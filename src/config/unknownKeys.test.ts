import { JsonObject } from '@backstage/types';
import { readOneProvider, getRefusal } from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer';

describe('an unknown key', () => {
  it.each<[string, JsonObject, string, string[]]>([
    [
      'a misspelt key',
      { catalogpath: 'a' },
      'catalogpath',
      ['did you mean catalogPath?'],
    ],
    [
      'a key from another level',
      { projectKey: 'a' },
      'projectKey',
      ['did you mean filters.projectKey'],
    ],
    [
      'a key that exists nowhere',
      { colour: 'red' },
      'colour',
      ['remove it', 'known here: host, catalogPath'],
    ],
    ['a misspelt search', { serch: 'auto' }, 'serch', ['did you mean search?']],
    ['a misspelt recheck key', { recheck: { fund: 'PT6H' } }, 'recheck.fund', ['found?']],
    [
      'labels beside the filters',
      { labels: ['service'] },
      'labels',
      ['did you mean filters.labels'],
    ],
    ['a single label', { filters: { label: 'a' } }, 'filters.label', ['labels?']],
    [
      'a misspelt removals key',
      { removals: { maxPercent: 1 } },
      'removals.maxPercent',
      ['did you mean maxPercentage?'],
    ],
  ])('is refused with the nearest known one: %s', (_, keys, key, parts) => {
    const message = getRefusal(() => readOneProvider(keys));
    expect(message).toMatch(`${ROOT}.${key} is not a known key`);
    parts.forEach(part => expect(message).toContain(part));
  });

  it('is refused without its value, which might be a secret', () => {
    const message = getRefusal(() => readOneProvider({ pasword: 'hunter2' }));
    expect(message).not.toContain('hunter2');
  });

  it('counts as not set when it is empty, as everywhere in Backstage', () => {
    expect(() => readOneProvider({ colour: null })).not.toThrow();
  });
});
