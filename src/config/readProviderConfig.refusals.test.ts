import { JsonObject } from '@backstage/types';
import { readOneProvider, getRefusal } from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer';
const LONG_TEXT = 'x'.repeat(500);

describe('readProviderConfig with an invalid value', () => {
  it.each<[string, JsonObject, string, string[]]>([
    ['removals as number', { removals: 30 }, 'removals', ['must be an object', '30']],
    [
      'a path that is a number',
      { catalogPath: 5 },
      'catalogPath',
      ['must be a path', '5'],
    ],
    [
      'a path that is an object',
      { catalogPath: { a: 'b' } },
      'catalogPath',
      ['must be a path', 'an object'],
    ],
    ['an empty path', { catalogPath: '' }, 'catalogPath', ['names no file']],
    ['an empty list of paths', { catalogPath: [] }, 'catalogPath', ['empty list']],
    [
      'a list with a number',
      { catalogPath: ['/a.yaml', 5] },
      'catalogPath[1]',
      ['must be a path', '5'],
    ],
    [
      'a bad glob',
      { catalogPath: ['/a.yaml', '[b'] },
      'catalogPath[1]',
      ['"[b"', 'balance the brackets'],
    ],
    [
      'a path given twice',
      { catalogPath: ['/a.yaml', 'a.yaml'] },
      'catalogPath[1]',
      ['"a.yaml" twice', 'remove one'],
    ],
    [
      'a glob given twice',
      { catalogPath: ['*.yaml', '/*.yaml'] },
      'catalogPath[1]',
      ['twice'],
    ],
    ['an empty branch', { branch: '' }, 'branch', ['must be a non-empty string']],
    [
      'a branch that is a number',
      { branch: 2024 },
      'branch',
      ['must be a non-empty string', 'in quotes', '2024'],
    ],
    ['a tag', { branch: 'refs/tags/v1' }, 'branch', ['"refs/tags/v1"', 'short name']],
    ['no branch', { branch: 'refs/heads/' }, 'branch', ['short name of a branch']],
    ['a branch with a line break', { branch: 'a\nb' }, 'branch', ['short name']],
    ['half of a surrogate pair', { branch: 'a\ud800' }, 'branch', ['short name']],
    ['what is no branch', { branch: 'HEAD' }, 'branch', ['"HEAD"', 'leave the key out']],
    [
      'a boolean that is another word',
      { validateLocationsExist: 'perhaps' },
      'validateLocationsExist',
      ['true or false', '"perhaps"'],
    ],
    [
      'an empty boolean',
      { validateLocationsExist: '' },
      'validateLocationsExist',
      ['true or false'],
    ],
    [
      'a concurrency of 0',
      { concurrency: 0 },
      'concurrency',
      ['whole number from 1 to 100', '0'],
    ],
    ['too much concurrency', { concurrency: 101 }, 'concurrency', ['1 to 100', '101']],
    [
      'a file limit of 0',
      { maxFilesPerRepository: 0 },
      'maxFilesPerRepository',
      ['1 to 100000', '0'],
    ],
    [
      'more files than Bitbucket lists',
      { maxFilesPerRepository: 100_001 },
      'maxFilesPerRepository',
      ['1 to 100000', '100001'],
    ],
    ['half a concurrency', { concurrency: 1.5 }, 'concurrency', ['whole number', '1.5']],
    [
      'a concurrency that is a word',
      { concurrency: 'many' },
      'concurrency',
      ['whole number', '"many"'],
    ],
    [
      'an empty concurrency',
      { concurrency: ' ' },
      'concurrency',
      ['whole number', '" "'],
    ],
    [
      'an infinite concurrency',
      { concurrency: Infinity },
      'concurrency',
      ['whole number'],
    ],
    ['a concurrency that is NaN', { concurrency: NaN }, 'concurrency', ['whole number']],
    [
      'a concurrency that is a list',
      { concurrency: [8] },
      'concurrency',
      ['whole number', 'a list'],
    ],
    [
      'another word as rate',
      { rateLimit: 'fast' },
      'rateLimit',
      ['"auto", "off"', '"fast"'],
    ],
    [
      'a rate that YAML reads as false',
      { rateLimit: false },
      'rateLimit',
      ['in quotes', 'false'],
    ],
    [
      'a rate without burst',
      { rateLimit: { requestsPerSecond: 4 } },
      'rateLimit.burst',
      ['is missing'],
    ],
    [
      'a burst without rate',
      { rateLimit: { burst: 4 } },
      'rateLimit.requestsPerSecond',
      ['is missing'],
    ],
    [
      'a rate of 0',
      { rateLimit: { requestsPerSecond: 0, burst: 1 } },
      'rateLimit.requestsPerSecond',
      ['above 0'],
    ],
    [
      'a negative rate',
      { rateLimit: { requestsPerSecond: -1, burst: 1 } },
      'rateLimit.requestsPerSecond',
      ['above 0'],
    ],
    [
      'a rate that is NaN',
      { rateLimit: { requestsPerSecond: NaN, burst: 1 } },
      'rateLimit.requestsPerSecond',
      ['above 0'],
    ],
    [
      'an infinite rate',
      { rateLimit: { requestsPerSecond: '1e999', burst: 1 } },
      'rateLimit.requestsPerSecond',
      ['above 0'],
    ],
    [
      'a negative burst',
      { rateLimit: { requestsPerSecond: 1, burst: -1 } },
      'rateLimit.burst',
      ['1 or more'],
    ],
    [
      'a burst of 0',
      { rateLimit: { requestsPerSecond: 1, burst: 0 } },
      'rateLimit.burst',
      ['1 or more'],
    ],
    [
      'a fractional burst',
      { rateLimit: { requestsPerSecond: 1, burst: 1.5 } },
      'rateLimit.burst',
      ['whole number'],
    ],
    [
      'an unknown rate key',
      { rateLimit: { requestsPerSecond: 1, burst: 1, per: 'host' } },
      'rateLimit.per',
      ['not a known key'],
    ],
    [
      'a timeout without unit',
      { requestTimeout: 30 },
      'requestTimeout',
      ['a duration', '"30 seconds"', '30'],
    ],
    [
      'a timeout as text without unit',
      { requestTimeout: '30' },
      'requestTimeout',
      ['a duration', '"30"'],
    ],
    [
      'an unknown unit',
      { requestTimeout: { second: 30 } },
      'requestTimeout',
      ['seconds', 'an object'],
    ],
    [
      'a timeout of 0',
      { requestTimeout: { seconds: 0 } },
      'requestTimeout',
      ['more than 0'],
    ],
    [
      'a negative timeout',
      { requestTimeout: { seconds: -1 } },
      'requestTimeout',
      ['more than 0'],
    ],
    [
      'a timeout above 10 minutes',
      { requestTimeout: '601 seconds' },
      'requestTimeout',
      ['at most 10 minutes'],
    ],
    [
      'a percentage above 100',
      { removals: { maxPercentage: 100.1 } },
      'removals.maxPercentage',
      ['0 to 100'],
    ],
    [
      'a negative percentage',
      { removals: { maxPercentage: -1 } },
      'removals.maxPercentage',
      ['0 to 100'],
    ],
    [
      'a percentage with its sign',
      { removals: { maxPercentage: '30%' } },
      'removals.maxPercentage',
      ['"30%"'],
    ],
    [
      'a negative hold',
      { removals: { holdFor: { hours: -1 } } },
      'removals.holdFor',
      ['0 or more'],
    ],
    [
      'an infinite hold',
      { removals: { holdFor: { hours: Infinity } } },
      'removals.holdFor',
      ['a duration'],
    ],
  ])('refuses %s, naming the full key', (_, keys, key, parts) => {
    const message = getRefusal(() => readOneProvider(keys));
    expect(message).toMatch(`${ROOT}.${key} `);
    expect(message).not.toContain('\n');
    parts.forEach(part => expect(message).toContain(part));
  });

  it('shortens a long invalid value', () => {
    const message = getRefusal(() => readOneProvider({ rateLimit: LONG_TEXT }));
    expect(message.length).toBeLessThan(300);
  });
});
