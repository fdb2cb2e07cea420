/** Whether a webhook was signed with our secret. Pure; the only use of HMAC here. */

import { createHmac, timingSafeEqual } from 'node:crypto';

const SIGNATURE = /^sha256=([0-9a-fA-F]{64})$/;

/** A received body with the signature that came with it. */
export interface SignedBody {
  /** The bytes as they were received: JSON that was parsed and written again has others. */
  readonly rawBody: Uint8Array | string;
  /** The header `X-Hub-Signature`, as received. */
  readonly header: unknown;
  /** What the webhook is configured with in Bitbucket. */
  readonly secret: string;
}

/**
 * Checks `X-Hub-Signature`, in constant time as far as the digest goes.
 *
 * @returns `false` also for a missing or malformed header, another algorithm and an empty
 * secret, with which anybody could sign
 *
 * Source: Atlassian, "Manage webhooks" (8.9): `sha256=<HMAC of the body in hexadecimal>`.
 */
export function verifySignature({ rawBody, header, secret }: SignedBody): boolean {
  const hex = typeof header === 'string' ? SIGNATURE.exec(header)?.[1] : undefined;
  if (hex === undefined || secret === '') {
    return false;
  }
  const expected = createHmac('sha256', secret).update(rawBody).digest();
  return timingSafeEqual(expected, Buffer.from(hex, 'hex'));
}
