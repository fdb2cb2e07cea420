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

  it('has its body parsed once, whoever asks', () => {
    const one = answer('{"a":1}');
    expect(one.json).toBe(one.json);
  });

  it.each([
    [200, { a: 1 }],
    [201, undefined],
    [404, undefined],
  ])('of status %d is read as %j', (status, expected) => {
    expect(answer('{"a":1}', status).read(json => json)).toEqual(expected);
  });
});
