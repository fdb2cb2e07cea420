/** A reply whose body is read as JSON, once, however often that is asked for. */

import { z } from 'zod';
import { HttpReply } from '../http/types';
import { parse } from './wire';

/**
 * Far above any real answer: 100,000 paths, or 1,000 repositories of some 60 values each.
 * Parsed, 32 MiB of numbers take a multiple of that.
 */
const MAX_JSON_VALUES = 1_000_000;

/** What Bitbucket, or something in front of it, answered. */
export class Answer {
  readonly kind = 'answer';
  readonly reply: HttpReply;
  #json: { readonly value: unknown } | undefined;

  constructor(reply: HttpReply) {
    this.reply = reply;
  }

  get status(): number {
    return this.reply.status;
  }

  get body(): string {
    return this.reply.body;
  }

  get headers(): Headers {
    return this.reply.headers;
  }

  /** `undefined` when the body is not JSON, or {@link isTooComplex}. */
  get json(): unknown {
    this.#json ??= { value: this.isTooComplex ? undefined : parseJson(this.body) };
    return this.#json.value;
  }

  /** The body may hold more values than is safe to have in memory. */
  get isTooComplex(): boolean {
    return mayHoldMoreValues(this.body, MAX_JSON_VALUES);
  }

  /** What the body of a success says; `undefined` of anything else. */
  read<T>(schema: z.ZodType<T>): T | undefined {
    return this.status === 200 ? parse(schema, this.json) : undefined;
  }
}

/** Counts what begins or separates values, within texts too: rather too many than too few. */
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
