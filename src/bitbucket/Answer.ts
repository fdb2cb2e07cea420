/** A reply whose body is parsed as JSON once, however often it is read. */

import { z } from 'zod';
import { HttpReply } from '../http/types';
import { parse } from './wire';

/**
 * Far above any real answer: 100,000 paths, or 1,000 repositories of about 60 values each.
 * 32 MiB of numbers take several times as much memory once parsed.
 */
const MAX_JSON_VALUES = 1_000_000;

/** The answer of Bitbucket, or of a proxy in front of it. */
export class Answer {
  readonly kind = 'answer';
  #json: { readonly value: unknown } | undefined;

  constructor(readonly reply: HttpReply) {}

  get status(): number {
    return this.reply.status;
  }

  get body(): string {
    return this.reply.body;
  }

  get headers(): Headers {
    return this.reply.headers;
  }

  /** The parsed body; `undefined` when it is not JSON or {@link isTooComplex}. */
  get json(): unknown {
    this.#json ??= { value: this.isTooComplex ? undefined : parseJson(this.body) };
    return this.#json.value;
  }

  /** Whether the body may hold more values than is safe to keep in memory. */
  get isTooComplex(): boolean {
    return mayHoldMoreValues(this.body, MAX_JSON_VALUES);
  }

  /** Returns the body of a success, parsed; `undefined` when it is not a success or does not match. */
  read<T>(schema: z.ZodType<T>): T | undefined {
    return this.status === 200 ? parse(schema, this.json) : undefined;
  }
}

/** Counts the characters that begin or separate values, also inside strings: never too few. */
function mayHoldMoreValues(text: string, max: number): boolean {
  if (text.length <= max) {
    return false;
  }
  let count = 0;
  for (const sign of [',', '[', '{']) {
    for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) {
      count += 1;
      if (count > max) {
        return true;
      }
    }
  }
  return false;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
