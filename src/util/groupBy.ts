/** Groups items by a key; keys and items stay in the order in which they appear. Pure. */
export function groupBy<K, T>(
  items: Iterable<T>,
  getKey: (item: T) => K,
): Map<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = getKey(item);
    const group = groups.get(key);
    if (group) {
      group.push(item);
    } else {
      groups.set(key, [item]);
    }
  }
  return groups;
}
