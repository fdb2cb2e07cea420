/** The own rate limit, as people are shown it. Pure. */

import { ServerBudget } from '../http/rateStrategy';
import { formatPlural, formatRate } from './format';
import { PreviewedBudget } from './previewDocument';

/** A budget as people are shown it; `undefined` where the server does not tell. */
export function toPreviewedBudget(
  budget: ServerBudget | undefined,
): PreviewedBudget | undefined {
  if (budget === undefined || budget === 'unknown' || budget === 'not-read') {
    return undefined;
  }
  if (budget === 'whitelisted' || !budget.enabled) {
    return { kind: 'unlimited' };
  }
  const { capacity, fillRate } = budget;
  return { kind: 'limited', capacity, fillRatePerSecond: fillRate };
}

/** `60 requests at once, 5 more each second` */
export function describeBudget(budget: PreviewedBudget | undefined): string {
  if (budget === undefined) {
    return 'the server does not tell';
  }
  return budget.kind === 'unlimited'
    ? 'requests are not limited'
    : `${formatPlural(budget.capacity, 'request')} at once, ${formatRate(budget.fillRatePerSecond)} more each second`;
}
