/** How commands end early. Told apart by name; the message is all that people see. */

import { CustomErrorBase, isError } from '@backstage/errors';

/** The command line or the configuration is wrong: exit code 2. */
export class UsageError extends CustomErrorBase {
  override name = 'UsageError' as const;
}

/** The world is wrong: exit code 1. */
export class CommandFailedError extends CustomErrorBase {
  override name = 'CommandFailedError' as const;
}

/** What happened, in words for somebody at a terminal. */
export function describeError(error: unknown): string {
  const message = isError(error) ? error.message : 'it failed without a reason';
  // Said to the log of a backend, and not true here.
  return message.replace(/\. The next attempt is the next scheduled run$/, '');
}
