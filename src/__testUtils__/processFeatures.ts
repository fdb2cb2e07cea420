/** The features that a backend in a separate process may have. For tests. */
export const PROCESS_FEATURES = [
  'events',
  'webhooks',
  'catalog',
  'discovery',
  'url-reader',
  'frequent-scheduler-checks',
  /** Of the published module, in place of ours. */
  'published-discovery',
] as const;
export type ProcessFeature = (typeof PROCESS_FEATURES)[number];
