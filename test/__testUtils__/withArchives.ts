/**
 * Lets a simulated Bitbucket serve archives, which nothing but the catalog's own reader
 * asks for, where a Location's target is a glob. For tests.
 */

import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { SimulatedBitbucket } from '../../dev/simulatedBitbucket';

const BLOCK = 512;
const ARCHIVE = /\/repos\/[^/]+\/archive$/;

const Listing = z.object({ values: z.array(z.string()) });

/** `GET …/archive?format=tgz&prefix=…`, of all files on the default branch. */
export function withArchives(bitbucket: SimulatedBitbucket): SimulatedBitbucket {
  const { handle } = bitbucket;
  return Object.assign(bitbucket, {
    handle: async (request: Request) => {
      const { pathname, searchParams, origin } = new URL(request.url);
      if (!ARCHIVE.test(pathname)) {
        return handle(request);
      }
      const repository = `${origin}${pathname.replace(/\/archive$/, '')}`;
      const { headers } = request;
      const get = (path: string) =>
        handle(new Request(`${repository}/${path}`, { headers }));
      const { values } = Listing.parse(await (await get('files')).json());
      const files = values.map(async path => {
        const content = await (await get(`raw/${path}`)).text();
        return tarEntry(`${searchParams.get('prefix') ?? ''}/${path}`, content);
      });
      const archive = [...(await Promise.all(files)), Buffer.alloc(2 * BLOCK)];
      return new Response(gzipSync(Buffer.concat(archive)));
    },
  });
}

/** One file as POSIX' ustar format has it. */
function tarEntry(path: string, content: string): Buffer {
  const data = Buffer.from(content);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) =>
    value.toString(8).padStart(digits, '0');
  header.write(path, 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(data.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\u0000 `, 148);
  const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, data, padding]);
}
