import { JsonObject, JsonValue } from '@backstage/types';
import { readOneProvider, getRefusal } from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer.schedule';
const timeout = { minutes: 5 };

describe('readSchedule', () => {
  it.each<[string, JsonObject, object]>([
    [
      'a duration',
      { frequency: { hours: 1 }, timeout },
      { frequency: { hours: 1 }, timeout },
    ],
    ['texts', { frequency: '1h', timeout: 'PT5M' }, { frequency: { hours: 1 }, timeout }],
    [
      'a cron expression',
      { frequency: { cron: '0 */2 * * *' }, timeout },
      { frequency: { cron: '0 */2 * * *' } },
    ],
    [
      'a cron expression with seconds',
      { frequency: { cron: '0 0 */2 * * *' }, timeout },
      {},
    ],
    ['a cron name', { frequency: { cron: '@hourly' }, timeout }, {}],
    [
      'manual runs only',
      { frequency: { trigger: 'manual' }, timeout },
      { frequency: { trigger: 'manual' } },
    ],
    [
      'a delay and a scope',
      { frequency: 'PT1H', timeout, initialDelay: { seconds: 0 }, scope: 'global' },
      { initialDelay: { seconds: 0 }, scope: 'global' },
    ],
  ])('reads %s', (_, schedule, expected) => {
    expect(readOneProvider({ schedule }).schedule).toMatchObject(expected);
  });

  it.each<[string, JsonObject, string, string[]]>([
    [
      'a missing timeout',
      { frequency: 'PT1H' },
      '.timeout',
      ['is missing', 'such as { minutes: 25 }'],
    ],
    [
      'a missing frequency',
      { timeout },
      '.frequency',
      ['is missing', 'such as { minutes: 30 }'],
    ],
    [
      'a frequency of 0',
      { frequency: { minutes: 0 }, timeout },
      '.frequency',
      ['more than 0'],
    ],
    [
      'a timeout of 0',
      { frequency: 'PT1H', timeout: { minutes: 0 } },
      '.timeout',
      ['more than 0'],
    ],
    [
      'a negative delay',
      { frequency: 'PT1H', timeout, initialDelay: { seconds: -1 } },
      '.initialDelay',
      ['0 or more'],
    ],
    [
      'a frequency without unit',
      { frequency: '30', timeout },
      '.frequency',
      ['a duration', '"30"'],
    ],
    [
      'a frequency as number',
      { frequency: 30, timeout },
      '.frequency',
      ['a duration', '30'],
    ],
    [
      'an unknown unit',
      { frequency: { minute: 30 }, timeout },
      '.frequency',
      ['minutes'],
    ],
    [
      'a cron expression that is a number',
      { frequency: { cron: 5 }, timeout },
      '.frequency.cron',
      ['must be a non-empty string', '5'],
    ],
    [
      'a cron expression of too few fields',
      { frequency: { cron: '*/5' }, timeout },
      '.frequency.cron',
      ['five or six fields'],
    ],
    ...['*/30 * * * *', '0 0 */2 * * *', '0 3 1 1 1', '@hourly'].map(
      (cron): [string, JsonObject, string, string[]] => [
        `the cron expression "${cron}" that is not below cron`,
        { frequency: cron, timeout },
        '.frequency',
        ['must be written as { cron: "…" }', cron],
      ],
    ),
    [
      'a text of three units',
      { frequency: '1 hour 2 minutes 3 seconds', timeout },
      '.frequency',
      ['must be a duration'],
    ],
    [
      'a cron expression beside a duration',
      { frequency: { cron: '@daily', hours: 1 }, timeout },
      '.frequency.hours',
      ['not a known key'],
    ],
    [
      'another trigger',
      { frequency: { trigger: 'never' }, timeout },
      '.frequency.trigger',
      ['manual', '"never"'],
    ],
    [
      'another scope',
      { frequency: 'PT1H', timeout, scope: 'cluster' },
      '.scope',
      ['one of global', '"cluster"'],
    ],
    [
      'an unknown key',
      { frequency: 'PT1H', timeout, timeOut: 'PT1H' },
      '.timeOut',
      ['did you mean timeout?'],
    ],
  ])('refuses %s, naming the full key', (_, schedule, key, parts) => {
    const message = getRefusal(() => readOneProvider({ schedule }));
    expect(message).toMatch(`${ROOT}${key} `);
    expect(message).not.toContain('\n');
    parts.forEach(part => expect(message).toContain(part));
  });

  it.each<[JsonValue]>([['PT1H'], [30], [[]], [true]])(
    'reports a single fault for the schedule %j, which is not an object',
    schedule => {
      const message = getRefusal(() => readOneProvider({ schedule }));
      expect(message).toContain(
        `${ROOT} must be an object with the keys frequency, timeout`,
      );
      expect(message).not.toContain('\n');
    },
  );
});
