/** Bodies are read up to a size or cancelled, so that their connection is released. */

import { getEventListeners } from 'node:events';
import { watchedBody } from '../__testUtils__/scriptedFetch';
import { discardBody, readBody } from './readBody';

const signal = new AbortController().signal;
const atMost = (maxBytes: number) => ({ maxBytes, whenLarger: 'refuse' }) as const;
const upTo = (maxBytes: number) => ({ maxBytes, whenLarger: 'cut' }) as const;

describe('readBody', () => {
  it('reads a body in chunks, even if one splits a character', async () => {
    const bytes = new TextEncoder().encode('größer €');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    await expect(readBody(new Response(body), atMost(100), signal)).resolves.toEqual({
      kind: 'text',
      text: 'größer €',
    });
  });

  it('reads a missing body as an empty text', async () => {
    const response = new Response(null, { status: 204 });
    await expect(readBody(response, atMost(10), signal)).resolves.toEqual({
      kind: 'text',
      text: '',
    });
  });

  it('reads up to exactly the size allowed', async () => {
    const { response } = watchedBody(['12345', '67890']);
    await expect(readBody(response, atMost(10), signal)).resolves.toMatchObject({
      kind: 'text',
    });
  });

  it('cancels a body that grows too large', async () => {
    const body = watchedBody(['12345', '678901'], { endless: true });
    await expect(readBody(body.response, atMost(10), signal)).resolves.toEqual({
      kind: 'too-large',
    });
    expect(body.isCancelled()).toBe(true);
  });

  it('cancels a body unread whose Content-Length is too large', async () => {
    const init = { headers: { 'content-length': '11' } };
    const body = watchedBody(['x'], { init });
    await expect(readBody(body.response, atMost(10), signal)).resolves.toEqual({
      kind: 'too-large',
    });
    expect(body.isCancelled()).toBe(true);
    expect(body.isDrained()).toBe(false);
  });

  it.each<[string, ResponseInit]>([
    ['a body', {}],
    ['a body that is announced', { headers: { 'content-length': '11' } }],
  ])('reads only the beginning of %s too large where that will do', async (_, init) => {
    const body = watchedBody(['12345', '678901'], { endless: true, init });
    await expect(readBody(body.response, upTo(10), signal)).resolves.toEqual({
      kind: 'text',
      text: '1234567890',
    });
    expect(body.isCancelled()).toBe(true);
  });

  it('reads the whole body if it is just small enough', async () => {
    const body = watchedBody(['12345', '67890']);
    await expect(readBody(body.response, upTo(10), signal)).resolves.toEqual({
      kind: 'text',
      text: '1234567890',
    });
    expect(body.isDrained()).toBe(true);
  });

  it('marks a character that it truncates', async () => {
    const body = watchedBody(['12€']);
    await expect(readBody(body.response, upTo(3), signal)).resolves.toEqual({
      kind: 'text',
      text: '12\uFFFD',
    });
  });

  it('cancels an endless body when aborted', async () => {
    const controller = new AbortController();
    const body = watchedBody(['x'], { endless: true });
    const reading = readBody(body.response, atMost(10), controller.signal);
    controller.abort('stop');
    await expect(reading).rejects.toBe('stop');
    expect(body.isCancelled()).toBe(true);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('cancels a body when aborted before the call', async () => {
    const body = watchedBody(['x'], { endless: true });
    await expect(
      readBody(body.response, atMost(10), AbortSignal.abort('early')),
    ).rejects.toBe('early');
    expect(body.isCancelled()).toBe(true);
  });

  it('passes on the error of the stream', async () => {
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new TypeError('terminated'));
      },
    });
    await expect(readBody(new Response(body), atMost(10), signal)).rejects.toThrow(
      'terminated',
    );
  });
});

describe('discardBody', () => {
  it('cancels the body', () => {
    const body = watchedBody(['x']);
    discardBody(body.response);
    expect(body.isCancelled()).toBe(true);
  });

  it('accepts a missing body', () => {
    expect(() => discardBody(new Response(null))).not.toThrow();
  });
});
