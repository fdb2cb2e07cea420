import { z } from 'zod';
import { Answer } from './Answer';

function answer(body: string, status = 200): Answer {
  return new Answer({
    status,
    headers: new Headers(),
    body,
  });
}

describe('an answer', () => {
  it.each<[string, unknown]>([
    ['{"a":1}', { a: 1 }],
    ['null', null],
    ['', undefined],
    ['{"a":', undefined],
    ['<html></html>', undefined],
  ])('has the body %s as JSON: %j', (text, expected) => {
    expect(answer(text).json).toEqual(expected);
  });

  it.each<[string, string]>([
    ['numbers', `[${'0,'.repeat(1_000_000)}0]`],
    ['lists', `${'['.repeat(1_000_001)}${']'.repeat(1_000_001)}`],
    ['objects', `[${'{}'.repeat(1_000_001)}]`],
  ])('is not parsed if it may have more than a million %s', (_, text) => {
    expect(answer(text)).toMatchObject({ json: undefined, isTooComplex: true });
  });

  it.each<[string, string, unknown]>([
    ['many values', `[${'0,'.repeat(100_000)}0]`, expect.any(Array)],
    ['one long text', `"${'x'.repeat(1_100_000)}"`, expect.any(String)],
  ])('is parsed if it has %s', (_, text, expected) => {
    expect(answer(text)).toMatchObject({ json: expected, isTooComplex: false });
  });

  it('parses its body only once', () => {
    const parsed = answer('{"a":1}');
    expect(parsed.json).toBe(parsed.json);
  });

  it.each([
    [200, { a: 1 }],
    [201, undefined],
    [404, undefined],
  ])('of status %d is read as %j', (status, expected) => {
    expect(answer('{"a":1}', status).read(z.unknown())).toEqual(expected);
  });
});
