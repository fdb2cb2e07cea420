/** Converts web streams to the forms that Node.js and the catalog need. */

import { Readable } from 'node:stream';
import { readChunks } from '../http/readBody';

type Bytes = ReadableStream<Uint8Array>;

/** Converts to a Node.js stream, which cancels the rest if it is destroyed early. */
export function toNodeStream(stream: Bytes): Readable {
  return Readable.from(readChunks(stream), { objectMode: false });
}

/**
 * Reads a stream to its end.
 *
 * @param signal - cancels the rest when aborted
 * @throws the stream's error, the signal's reason, or RangeError if there are more than
 * `maxBytes`
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
