/** Whether a webhook was signed with one of our secrets. Pure; the only use of HMAC here. */

import { createHmac, timingSafeEqual } from 'node:crypto';

const SIGNATURE = /^sha256=([0-9a-fA-F]{64})$/;

/** A received body with the signature that came with it. */
export interface SignedBody {
  /** The bytes as they were received: JSON that was parsed and written again has others. */
  readonly rawBody: Uint8Array | string;
  /** The header `X-Hub-Signature`, as received. */
  readonly header: unknown;
  /** What webhooks are configured with in Bitbucket; several while one takes the place of another. */
  readonly secrets: readonly string[];
}

/**
 * Checks `X-Hub-Signature`, in constant time as far as digests and secrets go.
 *
 * @remarks Exactly as Bitbucket writes it. Blanks around the value of a header are not part
 * of it (RFC 9110, section 5.5), and Node.js takes them off before anybody sees them.
 *
 * @returns `false` also for a missing or malformed header, another algorithm and an empty
 * secret, with which anybody could sign
 *
 * Source: Atlassian, "Manage webhooks" (8.9): `sha256=<HMAC of the body in hexadecimal>`.
 */
export function verifySignature({ rawBody, header, secrets }: SignedBody): boolean {
  const hex = typeof header === 'string' ? SIGNATURE.exec(header)?.[1] : undefined;
  if (hex === undefined) {
    return false;
  }
  const given = Buffer.from(hex, 'hex');
  const usable = secrets.filter(secret => secret !== '');
  // Each is tried, so that the time does not tell which one it was.
  const matches = usable.map(secret =>
    timingSafeEqual(createHmac('sha256', secret).update(rawBody).digest(), given),
  );
  return matches.includes(true);
}
