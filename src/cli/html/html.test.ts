import { escapeHtml, html, Html, HtmlValue, linkTo, withCode } from './html';

const markup = (value: HtmlValue) => html`${value}`.markup;

describe('escapeHtml', () => {
  it.each([
    ['<b a="x" c=\'y\'>&amp;', '&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;amp;'],
    ['one\r\ntwo\tthree', 'one two three'],
    ['a\u202Eb', 'a⟨U+202E⟩b'],
    ['a\u0000\u200B\uFEFF\u2028', 'a⟨U+0000⟩⟨U+200B⟩⟨U+FEFF⟩⟨U+2028⟩'],
    ['\uD800', '⟨U+D800⟩'],
    ['\u{E0041}', '⟨U+E0041⟩'],
    ['Grüße, 日本, עברית, 🎉', 'Grüße, 日本, עברית, 🎉'],
  ])('escapes %j so that it is shown unchanged', (text, expected) => {
    expect(escapeHtml(text)).toBe(expected);
  });
});

describe('html', () => {
  it('escapes values that it did not build itself', () => {
    expect(html`<p title="${'"'}">${'<'}${html`<b>${1}</b>`}</p>`.markup).toBe(
      '<p title="&quot;">&lt;<b>1</b></p>',
    );
  });

  it('concatenates lists, and omits undefined', () => {
    expect(html`[${['<', undefined, [html`<br />`]]}${undefined}]`.markup).toBe(
      '[&lt;<br />]',
    );
  });

  it('removes indentation from its own parts only', () => {
    const kept = Html.trusted('a\n  b');
    expect(
      html`<ul>
        <li>${kept}</li>
      </ul>`.markup,
    ).toBe('<ul>\n<li>a\n  b</li>\n</ul>');
  });
});

describe('withCode', () => {
  it.each([
    ['Set `a.<b>` or `c`.', 'Set <code>a.&lt;b&gt;</code> or <code>c</code>.'],
    ['A lone ` stays', 'A lone ` stays'],
    ['', ''],
  ])('renders code in %j', (text, expected) => {
    expect(markup(withCode(text))).toBe(expected);
  });
});

describe('linkTo', () => {
  it.each([
    ['https://b.example.com/x?at=a&b', 'https://b.example.com/x?at=a&amp;b'],
    ['http://b.example.com/"x"', 'http://b.example.com/%22x%22'],
    ['HTTPS://B.example.com', 'https://b.example.com/'],
  ])('links %j', (address, href) => {
    expect(markup(linkTo(address, '<x>'))).toBe(`<a href="${href}">&lt;x&gt;</a>`);
  });

  it.each([
    undefined,
    '',
    'projects/X',
    '//evil.example.com',
    'javascript:alert(1)',
    ' java\nscript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'https://user:secret@b.example.com',
  ])('does not link %j', address => {
    expect(markup(linkTo(address, '<x>'))).toBe('&lt;x&gt;');
  });
});
