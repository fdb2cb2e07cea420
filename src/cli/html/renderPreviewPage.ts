/**
 * A preview as one page that can be sent to somebody: a single file that loads nothing,
 * from nowhere, and runs no script but its own. Pure.
 */

import { createHash } from 'node:crypto';
import { PreviewDocument, ProviderPreview } from '../previewDocument';
import { renderConflicts } from './conflicts';
import { formatPlural, formatTime } from '../format';
import { html, Html } from './html';
import { renderProvider } from './providerSection';
import { SCRIPT } from './script';
import { STYLES } from './styles';

/** Made in one piece: a hash counts every blank between the tags. */
const STYLE = Html.trusted(`<style>${STYLES}</style>`);
const SCRIPT_AT_THE_END = Html.trusted(`<script>${SCRIPT}</script>`);

/**
 * Renders the page.
 *
 * @remarks Everything in the document counts as foreign: it becomes text, or a link where
 * it is an address of the web.
 */
export function renderPreviewPage(preview: PreviewDocument): string {
  const { providers, conflicts, createdAt } = preview;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy()}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>Discovery preview: ${describeHosts(providers)}</title>
        ${STYLE}
      </head>
      <body>
        <header>
          <h1>Discovery preview</h1>
          <p>
            What a run of the catalog’s entity provider for Bitbucket Server would find,
            as of <time datetime="${createdAt}">${formatTime(createdAt)}</time>. Nothing
            was changed.
          </p>
        </header>
        ${providers.length > 1 ? renderContents(providers) : undefined}
        <main>
          ${providers.length === 0 ? html`<p>No provider is configured, so there is nothing to show.</p> ` : providers.map(renderProvider)}${renderConflicts(conflicts)}
        </main>
        <footer>
          <p>
            Made by <code>bitbucket-server-discovery preview</code>. This page is complete
            in itself: it loads nothing and sends nothing.
          </p>
        </footer>
        ${SCRIPT_AT_THE_END}
      </body>
    </html> `;
  return page.markup;
}

/** By hash: markup that came in by a mistake of ours could bring neither script nor style. */
function contentSecurityPolicy(): string {
  return [
    "default-src 'none'",
    `style-src '${hashOf(STYLES)}'`,
    `script-src '${hashOf(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}

function describeHosts(providers: readonly ProviderPreview[]): string {
  const hosts = [...new Set(providers.map(one => one.host))];
  return hosts.length === 1 ? hosts.join('') : formatPlural(providers.length, 'provider');
}

function renderContents(providers: readonly ProviderPreview[]): Html {
  return html`<nav aria-label="Providers">
    <ul>
      ${providers.map((one, index) => html`<li><a href="#p${index + 1}">${one.providerId}</a> <span class="quiet">${one.host}, ${one.status}</span></li> `)}
    </ul>
  </nav> `;
}
