/** The database of a world, which all its processes share and which outlives each. */

import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createTestStores, TestStores } from '../src/__testUtils__/testStores';

/** Hands out stores on one database. */
export interface WorldDatabase {
  /**
   * As one more process opens them.
   *
   * @param others - a process that still lives has these: on SQLite, which one process uses,
   * both have the same, or nothing would keep them from working at the same time
   */
  open(clock: FakeClock, others?: TestStores): Promise<TestStores>;
}

/** A database in memory, of its own. */
export function createMemoryDatabase(): WorldDatabase {
  let last: TestStores | undefined;
  return {
    async open(clock, others) {
      const stores = others ?? last?.reopen() ?? createTestStores({ clock });
      last ??= stores;
      await stores.tables.connect();
      return stores;
    },
  };
}
