import { layOut, wantsColors } from './layOut';

const PLAIN = { colors: false };
const ESCAPE = '\u001B';

describe('the lines of a terminal', () => {
  it.each([
    ['short', 'one two', 'one two'],
    ['of exactly the width', 'aaaa bbbb cccc dddd!', 'aaaa bbbb cccc dddd!'],
    ['that are longer', 'aaaa bbbb cccc dddd e', 'aaaa bbbb cccc dddd\ne'],
    ['that are set in', '  aaaa bbbb cccc dddd', '  aaaa bbbb cccc\n  dddd'],
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
    ['several', 'aaaa bbbb cccc dddd e\n\nf', 'aaaa bbbb cccc dddd\ne\n\nf'],
    [
      'with a command',
      '  $ program check --against url',
      '  $ program check --against url',
    ],
  ])('%s', (_, text, expected) => {
    expect(layOut(text, { ...PLAIN, columns: 20 })).toBe(expected);
  });

  it('are left alone where their width is nobody’s concern', () => {
    const text = 'word '.repeat(100);

    expect(layOut(text, PLAIN)).toBe(text);
  });

  it('end where they end without colours', () => {
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

describe('the colours of a terminal', () => {
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
  ])('stand in "%s" for %s', (line, word, code) => {
    expect(layOut(line, { colors: true })).toContain(
      `${ESCAPE}[${code}m${word}${ESCAPE}`,
    );
  });

  it.each(['a repository is registered', 'nothing unknown', 'the error: none'])(
    'are not in the sentence "%s"',
    line => {
      expect(layOut(line, { colors: true })).toBe(line);
    },
  );
});

describe('whether colours are wanted', () => {
  it.each([
    ['on a terminal', {}, true, true],
    ['not in a file or a pipe', {}, false, false],
    ['not with NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['with a NO_COLOR that is empty', { NO_COLOR: '' }, true, true],
    [
      'not with NO_COLOR, whatever is forced',
      { NO_COLOR: '1', FORCE_COLOR: '1' },
      true,
      false,
    ],
    ['in a pipe with FORCE_COLOR', { FORCE_COLOR: '1' }, false, true],
    ['with a FORCE_COLOR that is empty', { FORCE_COLOR: '' }, false, true],
    ['not with FORCE_COLOR=0', { FORCE_COLOR: '0' }, true, false],
    ['not on a terminal that can do nothing', { TERM: 'dumb' }, true, false],
  ])('%s', (_, env, isTerminal, expected) => {
    expect(wantsColors(env, isTerminal)).toBe(expected);
  });
});
