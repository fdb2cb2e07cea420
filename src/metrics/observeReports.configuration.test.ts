import { installMetrics, uninstallMetrics } from './__testUtils__/collectMetrics';
import { METRICS } from './instruments';
import { observeConfiguration } from './observeReports';

const { name } = METRICS.configurationRefused;

afterEach(() => uninstallMetrics());

describe('the gauge of an invalid configuration', () => {
  it('is 1 while there is one, and 0 before and after', async () => {
    const metrics = installMetrics();
    let isRefused = false;
    const { signal } = new AbortController();
    observeConfiguration({ isRefused: () => isRefused, signal });
    expect((await metrics.collect()).value(name)).toBe(0);

    isRefused = true;
    expect((await metrics.collect()).value(name)).toBe(1);

    isRefused = false;
    expect((await metrics.collect()).value(name)).toBe(0);
  });

  it('is no longer measured once the backend shuts down', async () => {
    const metrics = installMetrics();
    let asked = 0;
    const shutdown = new AbortController();
    const isRefused = () => {
      asked += 1;
      return false;
    };
    observeConfiguration({ isRefused, signal: shutdown.signal });
    await metrics.collect();
    shutdown.abort();
    await metrics.collect();

    expect(asked).toBe(1);
    observeConfiguration({ isRefused, signal: shutdown.signal });
    await metrics.collect();
    expect(asked).toBe(1);
  });
});
