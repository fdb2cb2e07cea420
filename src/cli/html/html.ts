/**
 * Builds HTML markup. The template tag `html` escapes every value that was not built by it.
 * Pure.
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

/** A value in a template: `undefined` adds nothing, the items of a list are concatenated. */
export type HtmlValue = string | number | Html | undefined | readonly HtmlValue[];

/**
 * Characters that are invisible, or that change the order of visible characters: control
 * characters, format characters (text direction, zero width), line separators, lone
 * surrogates. A name that contains one must not look like another name.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for an element or a quoted attribute, and spells out invisible characters. */
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

/** The template tag. Removes the indentation of the template, to keep large pages small. */
export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  const pieces = parts.map(
    (part, index) => part.replace(/\s*\n\s*/g, '\n') + toMarkup(values[index]),
  );
  return Html.trusted(pieces.join(''));
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

/** Renders text with code in backticks, as in the explanations of the outcomes. */
export function withCode(text: string): HtmlValue {
  const pieces = text.split('`');
  // With an odd number of backticks, one has no end: the text stays unchanged.
  return pieces.length % 2 === 0
    ? text
    : pieces.map((piece, index) =>
        index % 2 === 0 ? piece : html`<code>${piece}</code>`,
      );
}

/**
 * Renders a link if the address is a web address.
 *
 * @returns only `content` for any other scheme, such as `javascript:`, and for an address
 * with credentials
 */
export function linkTo(address: string | undefined, content: HtmlValue): HtmlValue {
  // The parsed form, so that a browser cannot parse the address differently.
  const href = parseWebUrl(address ?? '')?.href;
  return href === undefined ? content : html`<a href="${href}">${content}</a>`;
}

/** Longer lists are closed at first. */
const MAX_OPEN_LIST = 20;

/** Renders a list that the reader can open and close. */
export function foldedList(summary: HtmlValue, items: readonly HtmlValue[]): Html {
  const open = items.length <= MAX_OPEN_LIST ? Html.trusted('open') : undefined;
  return html`<details class="targets" ${open}>
    <summary>${summary}</summary>
    <ul>
      ${items.map(item => html`<li>${item}</li> `)}
    </ul>
  </details> `;
}

/** Renders a list of terms with their values. */
export function factList(
  facts: readonly (readonly [term: string, value: HtmlValue])[],
  className = 'facts',
): Html {
  return html`<dl class="${className}">
    ${facts.map(
      ([term, value]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${value}</dd>
        </div> `,
    )}
  </dl> `;
}

/** Renders a table; `bodies` are its `tbody` elements, whose rows begin with a header cell. */
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
        ${columns.map(column => html`<th scope="col">${column}</th>`)}
      </tr>
    </thead>
    ${bodies}
  </table> `;
}
