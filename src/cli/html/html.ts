/**
 * Markup that is escaped unless it was made here: whatever is put into the template tag
 * `html` becomes text. Pure.
 */

import { parseWebUrl } from '../../util/parseUrls';

/** Markup that is safe to write into a page. */
export class Html {
  private constructor(readonly markup: string) {}

  /** Only for markup that this page writes itself. */
  static trusted(markup: string): Html {
    return new Html(markup);
  }
}

/** What a template takes: `undefined` is nothing, a list is one after the other. */
export type HtmlValue = string | number | Html | undefined | readonly HtmlValue[];

/**
 * Characters that are invisible, or that change the order of what is seen: control
 * characters, format characters (text direction, zero width), line separators, halves of
 * a surrogate pair. A name that holds one must not pass for another name.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an element or a quoted attribute; invisible characters are spelled out. */
export function escapeHtml(text: string): string {
  return text
    .replace(/\r\n?|[\n\t]/g, ' ')
    .replace(INVISIBLE, describeCharacter)
    .replace(/[&<>"']/g, character => ENTITIES[character] ?? '');
}

/** `⟨U+202E⟩` */
function describeCharacter(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `⟨U+${code.padStart(4, '0')}⟩`;
}

/** The template tag. Indentation is for who reads the source: a large page has none. */
export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  const written = parts.map(
    (part, index) => part.replace(/\s*\n\s*/g, '\n') + toMarkup(values[index]),
  );
  return Html.trusted(written.join(''));
}

function toMarkup(value: HtmlValue): string {
  if (value === undefined) {
    return '';
  }
  if (value instanceof Html) {
    return value.markup;
  }
  if (typeof value === 'string' || typeof value === 'number') {
    return escapeHtml(String(value));
  }
  return value.map(toMarkup).join('');
}

/** Text in which a backtick encloses code, as in the explanations of the outcomes. */
export function withCode(text: string): HtmlValue {
  const pieces = text.split('`');
  // An odd number of backticks encloses nothing that ends: it is left as it is.
  return pieces.length % 2 === 0
    ? text
    : pieces.map((piece, index) =>
        index % 2 === 0 ? piece : html`<code>${piece}</code>`,
      );
}

/**
 * A link, if the address is one of the web.
 *
 * @returns `content` alone for any other scheme, such as `javascript:`, and for an address
 * with credentials in it
 */
export function linkTo(address: string | undefined, content: HtmlValue): HtmlValue {
  // As it was understood, so that a browser cannot understand it differently.
  const href = parseWebUrl(address ?? '')?.href;
  return href === undefined ? content : html`<a href="${href}">${content}</a>`;
}

/** Lists that are longer stay closed at first. */
const MAX_OPEN_LIST = 20;

/** A list that can be closed. */
export function foldedList(summary: HtmlValue, items: readonly HtmlValue[]): Html {
  const open = items.length <= MAX_OPEN_LIST ? Html.trusted('open') : undefined;
  return html`<details class="targets" ${open}>
    <summary>${summary}</summary>
    <ul>
      ${items.map(item => html`<li>${item}</li> `)}
    </ul>
  </details> `;
}

/** Terms, each with what is to be said of it. */
export function factList(
  facts: readonly (readonly [term: string, said: HtmlValue])[],
  className = 'facts',
): Html {
  return html`<dl class="${className}">
    ${facts.map(
      ([term, said]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${said}</dd>
        </div> `,
    )}
  </dl> `;
}

/** A table whose rows begin with what they are about; `bodies` are rows in their `tbody`. */
export function table(
  className: string,
  caption: HtmlValue,
  columns: readonly string[],
  bodies: readonly Html[],
): Html {
  return html`<table class="${className}">
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        ${columns.map(one => html`<th scope="col">${one}</th>`)}
      </tr>
    </thead>
    ${bodies}
  </table> `;
}
