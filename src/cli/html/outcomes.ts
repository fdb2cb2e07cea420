/** How the page names the four outcomes, with a sign each: colour alone tells nothing. */

import { OutcomeKind } from '../../model';

interface OutcomeLabel {
  readonly title: string;
  /** In a few words, for who has never seen the outcomes. */
  readonly meaning: string;
  readonly sign: string;
}

export const OUTCOME_LABELS: Readonly<Record<OutcomeKind, OutcomeLabel>> = {
  registered: { title: 'Registered', meaning: 'goes into the catalog', sign: '✓' },
  excluded: { title: 'Excluded', meaning: 'left out by a filter', sign: '–' },
  absent: { title: 'Absent', meaning: 'has no catalog file', sign: '○' },
  unknown: { title: 'Unknown', meaning: 'could not be looked at', sign: '?' },
};
