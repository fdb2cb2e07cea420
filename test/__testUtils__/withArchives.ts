/**
 * Lets a simulated Bitbucket serve archives, which only the catalog's own reader requests, if a
 * Location's target is a glob. For tests.
 */

import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { createGzip, gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { createFetchHandler } from '../../dev/simulatedBitbucket/fetchHandler';
import type { AnswerRequest } from '../../dev/simulatedBitbucket/handle';

const BLOCK = 512;
const ARCHIVE = /\/repos\/[^/]+\/archive$/;

const Listing = z.object({ values: z.array(z.string()) });

/** `GET …/archive?format=tgz&prefix=…`, of all files on the default branch. */
export function withArchives(bitbucket: SimulatedBitbucket): SimulatedBitbucket {
  const { answerRequest, handle } = bitbucket;
  const answer: AnswerRequest = async request => {
    const { pathname, searchParams, origin } = new URL(request.target, bitbucket.baseUrl);
    if (!ARCHIVE.test(pathname)) {
      return answerRequest(request);
    }
    const repository = `${origin}${pathname.replace(/\/archive$/, '')}`;
    const { authorization } = request;
    const headers = new Headers(authorization === undefined ? {} : { authorization });
    const get = (path: string) =>
      handle(new Request(`${repository}/${path}`, { headers }));
    const { values } = Listing.parse(await (await get('files')).json());
    const files = values.map(async path => {
      const content = await (await get(`raw/${path}`)).text();
      return tarEntry(`${searchParams.get('prefix') ?? ''}/${path}`, content);
    });
    const archive = [...(await Promise.all(files)), Buffer.alloc(2 * BLOCK)];
    const { body } = new Response(gzipSync(Buffer.concat(archive)));
    return { status: 200, headers: {}, body };
  };
  return Object.assign(bitbucket, {
    answerRequest: answer,
    handle: createFetchHandler(answer),
  });
}

/**
 * Lets a simulated Bitbucket serve, in place of a repository's archive, one that is made
 * while it is read: files of 8 MiB each.
 *
 * @param onChunk - called for each MiB before it is sent
 */
export function withLargeArchives(
  bitbucket: SimulatedBitbucket,
  { files, onChunk }: { readonly files: number; readonly onChunk: () => void },
): SimulatedBitbucket {
  const { handle } = bitbucket;
  function* tar(prefix: string) {
    const mebibyte = Buffer.alloc(2 ** 20, 'x');
    for (let index = 0; index < files; index += 1) {
      yield tarHeader(`${prefix}/file-${index}`, 8 * mebibyte.length);
      for (let chunk = 0; chunk < 8; chunk += 1) {
        onChunk();
        yield mebibyte;
      }
    }
    yield Buffer.alloc(2 * BLOCK);
  }
  return Object.assign(bitbucket, {
    handle: async (request: Request) => {
      const { pathname, searchParams } = new URL(request.url);
      if (!ARCHIVE.test(pathname)) {
        return handle(request);
      }
      // Stored, not compressed: it is about as large as what is in it.
      const archive = createGzip({ level: 0 });
      Readable.from(tar(searchParams.get('prefix') ?? '')).pipe(archive);
      return new Response(ReadableStream.from(archive));
    },
  });
}

/** One file as POSIX' ustar format has it. */
function tarEntry(path: string, content: string): Buffer {
  const data = Buffer.from(content);
  const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
  return Buffer.concat([tarHeader(path, data.length), data, padding]);
}

function tarHeader(path: string, length: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) =>
    value.toString(8).padStart(digits, '0');
  header.write(path, 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\u0000 `, 148);
  return header;
}
