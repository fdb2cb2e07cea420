/** What a backend in a process of its own may consist of. For tests. */
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
