/** One signal out of several. */

/** Aborts as soon as one of them does; those left out never do. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.flatMap(one => one ?? []));
}
