import { layOut, wantsColors } from './terminal';

const PLAIN = { colors: false };
const ESCAPE = '\u001B';

describe('layOut with a width', () => {
  it.each([
    ['that is short', 'one two', 'one two'],
    ['of exactly the width', 'aaaa bbbb cccc dddd!', 'aaaa bbbb cccc dddd!'],
    ['that is longer', 'aaaa bbbb cccc dddd e', 'aaaa bbbb cccc dddd\ne'],
    ['with an indentation', '  aaaa bbbb cccc dddd', '  aaaa bbbb cccc\n  dddd'],
    [
      'in columns',
      'Cause    one two three four',
      'Cause    one two\n         three four',
    ],
    [
      'whose second column begins too far right',
      '  some-long-name  one two',
      '  some-long-name\n  one two',
    ],
    [
      'with a word that is too long',
      'see https://bitbucket.example.com/x now',
      'see\nhttps://bitbucket.example.com/x\nnow',
    ],
    ['of several lines', 'aaaa bbbb cccc dddd e\n\nf', 'aaaa bbbb cccc dddd\ne\n\nf'],
    [
      'with a command',
      '  $ program check --against url',
      '  $ program check --against url',
    ],
  ])('lays out a text %s', (_, text, expected) => {
    expect(layOut(text, { ...PLAIN, columns: 20 })).toBe(expected);
  });

  it('does not wrap lines without a width', () => {
    const text = 'word '.repeat(100);

    expect(layOut(text, PLAIN)).toBe(text);
  });

  it('wraps coloured lines at the same places', () => {
    const text =
      '  What to do: Change the pattern, or whatever else there is to change here.';
    const withColors = layOut(text, { columns: 40, colors: true });

    expect(withColors).not.toBe(layOut(text, { columns: 40, colors: false }));
    // eslint-disable-next-line no-control-regex -- colours begin with it
    expect(withColors.replace(/\u001B\[\d+m/g, '')).toBe(
      layOut(text, { columns: 40, colors: false }),
    );
  });
});

describe('layOut with colours', () => {
  it.each([
    ['registered              45', 'registered', 32],
    ['    Outcome     registered', 'registered', 32],
    ['  ok      Server: answers', 'ok', 32],
    ['+ https://a.test/b', '+ https://a.test/b', 32],
    ['  unknown: server-error (1)', 'unknown', 33],
    ['  note    User: none', 'note', 33],
    ['warning: look at this', 'warning:', 33],
    ['  FAILED: no answer', 'FAILED', 31],
    ['error: no answer', 'error:', 31],
    ['  What to do: Wait.', 'What to do:', 36],
    ['Provider default on a.test', 'Provider default on a.test', 1],
  ])('colours in "%s" the text "%s"', (line, word, code) => {
    expect(layOut(line, { colors: true })).toContain(
      `${ESCAPE}[${code}m${word}${ESCAPE}`,
    );
  });

  it.each(['a repository is registered', 'nothing unknown', 'the error: none'])(
    'does not colour the sentence "%s"',
    line => {
      expect(layOut(line, { colors: true })).toBe(line);
    },
  );
});

describe('wantsColors', () => {
  it.each([
    ['colours on a terminal', {}, true, true],
    ['no colours in a file or a pipe', {}, false, false],
    ['no colours with NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['colours with an empty NO_COLOR', { NO_COLOR: '' }, true, true],
    [
      'no colours with NO_COLOR, even if FORCE_COLOR is set',
      { NO_COLOR: '1', FORCE_COLOR: '1' },
      true,
      false,
    ],
    ['colours in a pipe with FORCE_COLOR', { FORCE_COLOR: '1' }, false, true],
    ['colours with an empty FORCE_COLOR', { FORCE_COLOR: '' }, false, true],
    ['no colours with FORCE_COLOR=0', { FORCE_COLOR: '0' }, true, false],
    ['no colours on a dumb terminal', { TERM: 'dumb' }, true, false],
  ])('decides: %s', (_, env, isTerminal, expected) => {
    expect(wantsColors(env, isTerminal)).toBe(expected);
  });
});
