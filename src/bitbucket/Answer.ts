/** A reply whose body is read as JSON, once, whoever asks for it and however often. */

import { HttpReply } from '../http/types';

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

  get headers(): Headers {
    return this.reply.headers;
  }

  /** `undefined` when the body is not JSON. */
  get json(): unknown {
    this.#json ??= { value: parseJson(this.reply.body) };
    return this.#json.value;
  }

  /** What the body of a success says, read by `parse`; `undefined` of anything else. */
  read<T>(parse: (json: unknown) => T | undefined): T | undefined {
    return this.status === 200 ? parse(this.json) : undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
