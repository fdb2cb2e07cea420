/**
 * Compares answers with an OpenAPI document: every answer has to be described, and every
 * described answer has to occur. Must not be used outside tests.
 */

import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { z } from 'zod';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

const Operation = z.object({
  parameters: z.array(z.unknown()).default([]),
  responses: z.record(z.string(), z.unknown()),
});

const Reference = z.object({ $ref: z.string() });
const Named = z.object({ name: z.string() });
const Item = z.record(z.string(), z.unknown());
const Parameters = z.array(z.unknown()).default([]);

const Document = z.looseObject({
  paths: z.record(z.string(), Item),
  components: z.looseObject({ schemas: Item }),
});

/** A request and its response. */
export interface Exchange {
  readonly method: string;
  /** Relative to the server's URL, with the query. */
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

/** The OpenAPI document of one API. */
export class OpenApiContract {
  readonly #document: z.infer<typeof Document>;
  readonly #ajv = new Ajv({ strict: false, allErrors: true });
  readonly #seen = new Set<string>();

  constructor(file: string) {
    const document: unknown = parse(readFileSync(file, 'utf8'));
    this.#document = Document.parse(document);
    addFormats(this.#ajv);
    this.#ajv.addSchema({ ...this.#document, $id: 'document' });
  }

  /** Every described answer, such as `get /discoveries/{id} 200`. */
  described(): string[] {
    return this.#operations().flatMap(({ name, responses }) =>
      Object.keys(responses).map(status => `${name} ${status}`),
    );
  }

  /** The described answers that occurred. */
  seen(): string[] {
    return [...this.#seen];
  }

  /** Returns the values that a schema allows. */
  getEnum(schema: string): unknown {
    return z
      .object({ enum: z.array(z.unknown()) })
      .parse(this.#document.components.schemas[schema]).enum;
  }

  /**
   * Checks one exchange.
   *
   * @throws an error when its answer is not described, or differs from its description
   */
  check({ method, path, status, body }: Exchange): void {
    const [pathname = '', search] = path.split('?');
    const found = this.#operations().find(
      operation =>
        operation.method === method.toLowerCase() && operation.pattern.test(pathname),
    );
    const answer = found?.responses[String(status)];
    if (!found || answer === undefined) {
      throw new Error(`${method} ${path}: an answer with ${status} is not described`);
    }
    this.#checkParameters(found.parameters, search, status);
    const validate = this.#ajv.compile(
      this.#at(answer, 'content', 'application/json', 'schema'),
    );
    if (!validate(body)) {
      const problems = this.#ajv.errorsText(validate.errors);
      throw new Error(`${method} ${path} ${status}: ${problems}`);
    }
    this.#seen.add(`${found.name} ${status}`);
  }

  /** Checks that the parameters of a successful request are described. */
  #checkParameters(known: string[], search: string | undefined, status: number): void {
    const names = [...new URLSearchParams(search).keys()];
    const unknown = names.filter(name => status === 200 && !known.includes(name));
    if (unknown.length > 0) {
      throw new Error(`a parameter is not described: ${unknown.join(', ')}`);
    }
  }

  #operations() {
    return Object.entries(this.#document.paths).flatMap(([path, item]) =>
      METHODS.filter(method => item[method] !== undefined).map(method => {
        const operation = Operation.parse(item[method]);
        const parameters = [
          ...Parameters.parse(item.parameters),
          ...operation.parameters,
        ];
        return {
          name: `${method} ${path}`,
          method,
          pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
          responses: operation.responses,
          parameters: parameters.map(
            parameter => Named.parse(this.#resolve(parameter)).name,
          ),
        };
      }),
    );
  }

  /** Follows keys and the references between them; the validator resolves a final reference. */
  #at(from: unknown, ...keys: string[]): object {
    const here = keys.reduce<unknown>(
      (value, key) => Item.parse(this.#resolve(value))[key],
      from,
    );
    const reference = Reference.safeParse(here);
    return reference.success
      ? { $ref: `document${reference.data.$ref}` }
      : Item.parse(here);
  }

  #resolve(value: unknown): unknown {
    const reference = Reference.safeParse(value);
    if (!reference.success) {
      return value;
    }
    const keys = reference.data.$ref.replace(/^#\//, '').split('/');
    return keys.reduce<unknown>((here, key) => Item.parse(here)[key], this.#document);
  }
}
