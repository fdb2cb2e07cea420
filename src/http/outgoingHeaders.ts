/**
 * Makes the headers of a request. Pure. Must not let a header's value into a message.
 * Called by the transport, once.
 */

import { InputError } from '@backstage/errors';

/**
 * Adds `Accept` and checks that each header can be sent.
 *
 * @remarks `Headers` quotes a value that it does not like in its message, and that may be
 * the credential (a token read from a file ends in a line break, say).
 *
 * @param headers - from the integration
 * @throws InputError naming the header, not its value
 */
export function createOutgoingHeaders(
  headers: Readonly<Record<string, string>>,
): Headers {
  const outgoing = new Headers({ Accept: 'application/json' });
  for (const [name, value] of Object.entries(headers)) {
    try {
      outgoing.set(name, value);
    } catch {
      throw new InputError(
        `The header ${name} for Bitbucket cannot be sent: it holds a character that HTTP ` +
          `does not allow in a header; check the password or token for line breaks`,
      );
    }
  }
  return outgoing;
}
