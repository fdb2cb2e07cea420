/** An abort ends the wait, whatever the work does. */

import { getEventListeners } from 'node:events';
import { raceAbort } from './abort';

const never = new Promise<never>(() => undefined);

describe('raceAbort', () => {
  it('returns the result and leaves no listener behind', async () => {
    const { signal } = new AbortController();
    await expect(raceAbort(Promise.resolve(7), signal)).resolves.toBe(7);
    await new Promise(resolve => setImmediate(resolve));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('rethrows a failure and leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const failed = raceAbort(Promise.reject(new Error('no')), signal);
    await expect(failed).rejects.toThrow('no');
    await new Promise(resolve => setImmediate(resolve));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it("rejects with the signal's own reason while the work continues", async () => {
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const waiting = raceAbort(never, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('rejects immediately when already aborted', async () => {
    const signal = AbortSignal.abort('early');
    await expect(raceAbort(never, signal)).rejects.toBe('early');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('swallows a failure that comes after the abort', async () => {
    const signal = AbortSignal.abort('early');
    const failing = Promise.reject(new Error('late'));
    await expect(raceAbort(failing, signal)).rejects.toBe('early');
  });

  it('returns the work itself without a signal', () => {
    expect(raceAbort(never)).toBe(never);
  });
});
