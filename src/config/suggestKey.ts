/** Guesses what a misspelt word was meant to be, for the remedy in error messages. */

import { CONFIGURATION_KEYS } from './configurationKeys';

/**
 * Finds the candidate a word most likely stands for.
 *
 * @returns `undefined` when none is near: more than two letters and more than a third differ
 */
export function findNearest(
  word: string,
  candidates: readonly string[],
): string | undefined {
  const ranked = candidates
    .map(candidate => ({
      candidate,
      distance: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  const tolerated = Math.max(2, Math.floor(word.length / 3));
  return best !== undefined && best.distance <= tolerated ? best.candidate : undefined;
}

/**
 * Says what to do about an unknown key: a sibling is spelt nearly so, or a key of the
 * same name exists on another level.
 *
 * @param name - the unknown key's last part
 * @param siblings - the keys allowed where it stands
 * @returns part of a sentence; `undefined` when no key comes near
 */
export function suggestKey(
  name: string,
  siblings: readonly string[],
): string | undefined {
  const nearest = findNearest(name, siblings);
  if (nearest !== undefined) {
    return `did you mean ${nearest}?`;
  }
  const elsewhere = CONFIGURATION_KEYS.find(
    ({ key }) => key === name || key.endsWith(`.${name}`),
  );
  return elsewhere && `did you mean ${elsewhere.key}, counted from the provider?`;
}

/** Levenshtein distance: insertions, deletions and replacements of one character. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced =
        (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const deleted = (previous[column] ?? 0) + 1;
      const inserted = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, deleted, inserted));
    }
    previous = current;
  }
  return previous[to.length] ?? from.length;
}
