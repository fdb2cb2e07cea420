/** An action that leaves an audit event, whichever way it ends. */

import { AuditorServiceEvent } from '@backstage/backend-plugin-api';
import { isError, stringifyError } from '@backstage/errors';
import { JsonObject } from '@backstage/types';

/**
 * @returns what the action returns, which the event tells as well
 * @throws what the action throws
 */
export async function audited<T extends JsonObject | undefined>(
  event: AuditorServiceEvent,
  action: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await action();
  } catch (error) {
    await event.fail({
      error: isError(error) ? error : new Error(stringifyError(error)),
    });
    throw error;
  }
  await event.success({ meta: result });
  return result;
}
