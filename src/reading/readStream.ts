/** Web streams as Node.js and the catalog take them. */

import { Readable } from 'node:stream';
import { onAbort } from '../util/abort';

type Bytes = ReadableStream<Uint8Array>;

/** The same bytes as a stream of Node.js; ended early, it gives up the rest. */
export function toNodeStream(stream: Bytes): Readable {
  return Readable.from(readChunks(stream), { objectMode: false });
}

/**
 * Reads all of it.
 *
 * @param signal - gives up the rest once aborted
 * @throws what the stream fails with, the signal's reason, and RangeError where there is
 * more than `maxBytes`
 */
export async function readStream(
  stream: Bytes,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readChunks(stream, signal)) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      throw new RangeError(`it is larger than ${maxBytes} bytes`);
    }
    parts.push(chunk);
  }
  signal?.throwIfAborted();
  return Buffer.concat(parts);
}

async function* readChunks(stream: Bytes, signal?: AbortSignal) {
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
