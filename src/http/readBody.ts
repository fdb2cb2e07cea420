/**
 * Reads a body up to a size, or drops it. Must always do one of the two: a body that is
 * neither read nor cancelled keeps its connection. Called by the transport.
 */

import { onAbort } from '../util/abort';

/** The body as text, or the news that it is larger than allowed. */
export type ReadBody =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'too-large' };

/** Gives up a body unread, without waiting and without complaint. */
export function discardBody(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

/**
 * Reads a body as UTF-8.
 *
 * @param response - its body must be untouched
 * @param maxBytes - counted after decompression, so that a small answer cannot unfold
 * into a large one
 * @param signal - cancels the body when aborted; what is returned then is worthless
 * @throws whatever the stream fails with, and the signal's reason
 */
export async function readBody(
  response: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<ReadBody> {
  if (Number(response.headers.get('content-length')) > maxBytes) {
    discardBody(response);
    return { kind: 'too-large' };
  }
  if (!response.body) return { kind: 'text', text: '' };
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const cancel = () => {
    reader.cancel().catch(() => undefined);
  };
  const stopListening = onAbort(signal, cancel);
  try {
    const decoder = new TextDecoder();
    let text = '';
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return { kind: 'text', text: text + decoder.decode() };
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        cancel();
        return { kind: 'too-large' };
      }
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    stopListening();
  }
}
