/** All about one provider: how its preview went, outcomes, requests, repositories. Pure. */

import { ProviderPreview } from '../previewDocument';
import { renderDifference } from './difference';
import { formatCount, formatDuration, formatPlural, formatTime } from '../format';
import { html, Html } from './html';
import { renderOutcomes } from './outcomeChart';
import { renderRepositories } from './repositoryTable';
import { renderRequests } from './requestChart';

/** The section of one provider; ids come from its place, never from its name. */
export function renderProvider(preview: ProviderPreview, index: number): Html {
  const id = `p${index + 1}`;
  const { against } = preview;
  return html`<section class="provider" id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${preview.providerId}</h2>
    ${renderHead(preview)}${renderOutcomes(id, preview.summary)}${against && renderDifference(against)}${renderRequests(preview.requests, preview.budget)}${renderRepositories(id, preview.providerId, preview.repositories)}
  </section> `;
}

function renderHead(preview: ProviderPreview): Html {
  const { status, error, startedAt } = preview;
  const failed = status === 'failed';
  return html`${failed ? renderFailure(error) : undefined}
    <p class="lead">${describeResult(preview)}</p>
    <dl class="facts">
      <div>
        <dt>Host</dt>
        <dd>${preview.host}</dd>
      </div>
      <div>
        <dt>Status</dt>
        <dd>${failed ? '✕ failed' : '✓ succeeded'}</dd>
      </div>
      <div>
        <dt>Started</dt>
        <dd><time datetime="${startedAt}">${formatTime(startedAt)}</time></dd>
      </div>
      <div>
        <dt>Finished</dt>
        <dd>
          <time datetime="${preview.finishedAt}">${formatTime(preview.finishedAt)}</time>
        </dd>
      </div>
      <div>
        <dt>Took</dt>
        <dd>${formatDuration(preview.durationMs)}</dd>
      </div>
    </dl> `;
}

function renderFailure(error: string | undefined): Html {
  return html`<div class="failure">
    <p>
      <span class="sign fill-unknown" aria-hidden="true">✕</span>
      <b>A scheduled run would fail.</b> ${error}
    </p>
    <p class="quiet">Below is what was learned until then.</p>
  </div> `;
}

function describeResult({ summary }: ProviderPreview): Html {
  if (summary.repositories === 0) {
    return html`No repository was seen.`;
  }
  const repositories = formatPlural(summary.repositories, 'repository', 'repositories');
  const locations = formatPlural(summary.locations, 'Location');
  return html`Of ${repositories},
    <b>${formatCount(summary.registered)} would be registered</b>, which makes
    <b>${locations}</b> in the catalog.`;
}
