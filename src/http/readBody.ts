/**
 * Reads a body up to a size and cancels the rest. Every body must be read to the end or cancelled,
 * otherwise it occupies its connection. Called by the transport; the reader of files shares the
 * reading of chunks.
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
  const decoder = new TextDecoder();
  let text = '';
  let left = maxBytes;
  for await (const chunk of readChunks(response.body, signal)) {
    signal.throwIfAborted();
    if (chunk.byteLength > left) {
      return isRefused
        ? { kind: 'too-large' }
        : { kind: 'text', text: text + decoder.decode(chunk.subarray(0, left)) };
    }
    left -= chunk.byteLength;
    text += decoder.decode(chunk, { stream: true });
  }
  signal.throwIfAborted();
  return { kind: 'text', text: text + decoder.decode() };
}

/**
 * Yields the chunks of a stream, and cancels the rest if the caller stops early.
 *
 * @param signal - ends the stream when aborted, as if it had no further chunks
 * @throws the stream's error
 */
export async function* readChunks(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const cancel = () => {
    reader.cancel().catch(() => undefined);
  };
  const stopListening = onAbort(signal, cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    stopListening();
    cancel();
  }
}
