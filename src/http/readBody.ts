/**
 * Reads a body up to a size, and drops what is left of it. Must always do one of the two: a body that is
 * neither read nor cancelled keeps its connection. Called by the transport.
 */

import { onAbort } from '../util/abort';

/** The body as text, or the news that it is larger than allowed. */
export type ReadBody =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'too-large' };

/** How much of a body is read. */
export interface BodyLimit {
  /** Counted after decompression, so that a small answer cannot unfold into a large one. */
  readonly maxBytes: number;
  /** `cut`: what was read until then is the text; `refuse`: there is none. */
  readonly whenLarger: 'cut' | 'refuse';
}

/** Gives up a body unread, without waiting and without complaint. */
export function discardBody(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

/**
 * Reads a body as UTF-8.
 *
 * @param response - its body must be untouched
 * @param signal - cancels the body when aborted; what is returned then is worthless
 * @throws whatever the stream fails with, and the signal's reason
 */
export async function readBody(
  response: Response,
  { maxBytes, whenLarger }: BodyLimit,
  signal: AbortSignal,
): Promise<ReadBody> {
  const isRefused = whenLarger === 'refuse';
  if (isRefused && Number(response.headers.get('content-length')) > maxBytes) {
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
    let left = maxBytes;
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return { kind: 'text', text: text + decoder.decode() };
      if (value.byteLength > left) {
        cancel();
        return isRefused
          ? { kind: 'too-large' }
          : { kind: 'text', text: text + decoder.decode(value.subarray(0, left)) };
      }
      left -= value.byteLength;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    stopListening();
  }
}
