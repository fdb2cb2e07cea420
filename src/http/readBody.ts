/**
 * Reads a body up to a size and cancels the rest. Every body must be read to the end or cancelled,
 * otherwise it occupies its connection. Called by the transport.
 */

import { onAbort } from '../util/abort';

/** The body as text, or that it is larger than allowed. */
export type ReadBody =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'too-large' };

/** How much of a body is read. */
export interface BodyLimit {
  /** Counted after decompression, so that a small answer cannot expand to a large one. */
  readonly maxBytes: number;
  /** `cut`: returns the text up to the limit; `refuse`: returns no text. */
  readonly whenLarger: 'cut' | 'refuse';
}

/** Cancels a body without reading it; does not wait and ignores errors. */
export function discardBody(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

/**
 * Reads a body as UTF-8.
 *
 * @param response - its body must not have been read or cancelled
 * @param signal - cancels the body when aborted
 * @throws the stream's error, and the signal's reason
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
