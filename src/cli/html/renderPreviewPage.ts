/**
 * Renders a preview as an HTML page to share: a single file that loads nothing and runs no
 * script but its own. Pure.
 */

import { createHash } from 'node:crypto';
import {
  CatalogDifference,
  KNOWN_BY_ENTITIES,
  PreviewDocument,
  ProviderPreview,
} from '../previewDocument';
import { formatDuration, formatTime } from '../format';
import { SharedFile } from '../../conflicts/describeConflicts';
import { formatAddress, formatCount, formatPlural } from '../../util/text';
import { factList, foldedList, html, Html, linkTo } from './html';
import { STYLES, SCRIPT } from './assets';
import { renderOutcomes, renderRequests } from './charts';
import { renderRepositories } from './repositoryTable';

/** Not built with the `html` tag: the hash covers all whitespace between the tags. */
const STYLE = Html.trusted(`<style>${STYLES}</style>`);
const SCRIPT_AT_THE_END = Html.trusted(`<script>${SCRIPT}</script>`);

/**
 * Renders the page.
 *
 * @remarks Everything in the document is untrusted: it becomes text, or a link if it is a
 * web address.
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
            as of ${renderTime(createdAt)}. Nothing was changed.
          </p>
        </header>
        ${providers.length > 1 ? renderContents(providers) : undefined}
        <main>
          ${providers.length === 0 ? html`<p>No provider is configured, so there is nothing to show.</p> ` : providers.map(renderProvider)}${renderConflicts(conflicts)}
        </main>
        <footer>
          <p>
            Created by <code>bitbucket-server-discovery preview</code>. This page is
            self-contained: it loads nothing and sends nothing.
          </p>
        </footer>
        ${SCRIPT_AT_THE_END}
      </body>
    </html> `;
  return page.markup;
}

/** Allows the script and the style by hash only, so that injected markup cannot add others. */
function contentSecurityPolicy(): string {
  return [
    "default-src 'none'",
    `style-src '${toSourceHash(STYLES)}'`,
    `script-src '${toSourceHash(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function toSourceHash(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}

function describeHosts(providers: readonly ProviderPreview[]): string {
  const hosts = [...new Set(providers.map(({ host }) => host))];
  return hosts.length === 1 ? hosts.join('') : formatPlural(providers.length, 'provider');
}

function renderContents(providers: readonly ProviderPreview[]): Html {
  return html`<nav aria-label="Providers">
    <ul>
      ${providers.map(({ providerId, host, status }, index) => html`<li><a href="#p${index + 1}">${providerId}</a> <span class="quiet">${host}, ${status}</span></li> `)}
    </ul>
  </nav> `;
}

/** Renders the section of one provider; its ids come from its index, never from its name. */
function renderProvider(preview: ProviderPreview, index: number): Html {
  const id = `p${index + 1}`;
  const { against } = preview;
  return html`<section class="provider" id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${preview.providerId}</h2>
    ${renderHead(preview)}${renderOutcomes(id, preview.summary)}${against && renderDifference(against)}${renderRequests(preview.requests, preview.budget)}${renderRepositories(id, preview.providerId, preview.repositories)}
  </section> `;
}

function renderHead(preview: ProviderPreview): Html {
  const failed = preview.status === 'failed';
  return html`${failed ? renderFailure(preview.error) : undefined}
    <p class="lead">${describeResult(preview)}</p>
    ${factList([
      ['Host', preview.host],
      ['Status', failed ? '✕ failed' : '✓ succeeded'],
      ['Started', renderTime(preview.startedAt)],
      ['Finished', renderTime(preview.finishedAt)],
      ['Took', formatDuration(preview.durationMs)],
    ])}`;
}

function renderTime(iso: string): Html {
  return html`<time datetime="${iso}">${formatTime(iso)}</time>`;
}

function renderFailure(error: string | undefined): Html {
  return html`<div class="failure">
    <p>
      <span class="sign fill-unknown" aria-hidden="true">✕</span>
      <b>A scheduled run would fail.</b> ${error}
    </p>
    <p class="quiet">The results until then are below.</p>
  </div> `;
}

function describeResult({ summary }: ProviderPreview): Html {
  if (summary.repositories === 0) {
    return html`No repository was found.`;
  }
  const repositories = formatPlural(summary.repositories, 'repository', 'repositories');
  const locations = formatPlural(summary.locations, 'Location');
  return html`Of ${repositories},
    <b>${formatCount(summary.registered)} would be registered</b>, with
    <b>${locations}</b> in the catalog.`;
}

/** Renders the difference of one provider from the catalog. */
function renderDifference(difference: CatalogDifference): Html {
  const { url, added, removed, heldBack, heldBackReason, unchanged } = difference;
  return html`<section>
    <h3>Difference from the catalog</h3>
    <p>
      The next complete run would change these Locations in ${linkTo(url, url)};
      ${formatCount(unchanged)} would stay unchanged.
    </p>
    ${difference.knownBy === 'entities' ? html`<p class="quiet">${KNOWN_BY_ENTITIES}</p> ` : undefined}${renderTargets('+', 'Added', 'added', added)}${renderTargets('−', 'Removed', 'removed', removed)}${renderTargets('=', 'Held back', 'held', heldBack)}${heldBackReason ? html`<p class="quiet">${heldBackReason}.</p> ` : undefined}
  </section> `;
}

function renderTargets(
  sign: string,
  title: string,
  name: string,
  targets: readonly string[],
): Html {
  const count = formatPlural(targets.length, 'Location');
  const heading = html`<span class="sign ${name}" aria-hidden="true">${sign}</span>
    <b>${title}</b> ${count}`;
  if (targets.length === 0) {
    return html`<p class="targets">${heading}</p> `;
  }
  return foldedList(
    heading,
    targets.map(target => linkTo(target, target)),
  );
}

/** Renders the section about conflicts, if there are any. */
function renderConflicts(conflicts: readonly SharedFile[]): Html | undefined {
  const [first] = conflicts;
  if (!first) {
    return undefined;
  }
  const count = formatPlural(conflicts.length, 'file');
  return html`<section class="conflicts" aria-labelledby="conflicts-title">
    <h2 id="conflicts-title">Conflicts</h2>
    <p>
      ${count} would be registered by several providers. The catalog accepts each from the
      provider that comes first. ${first.remedy}
    </p>
    ${foldedList(count, conflicts.map(renderConflict))}
  </section> `;
}

function renderConflict(conflict: SharedFile): Html {
  const { projectKey, repositorySlug, path, targetUrl, providerIds } = conflict;
  const name = `${formatAddress({ projectKey, slug: repositorySlug })} ${path}`;
  return html`${linkTo(targetUrl, name)}: ${providerIds.join(', ')}`;
}
