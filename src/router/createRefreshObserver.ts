/**
 * Watches the catalog's own refresh endpoint: refreshing a provider's anchor starts a run.
 *
 * Only watches. The catalog reads the body, authenticates and authorises as always; what
 * happened is looked at once its answer is out, so a caller it rejects starts nothing.
 */

import { HttpRouterService } from '@backstage/backend-plugin-api';
import { parseEntityRef, stringifyEntityRef } from '@backstage/catalog-model';
import { z } from 'zod';

type Handler = Parameters<HttpRouterService['use']>[0];
/** The request whose refresh was granted. */
export type RefreshRequest = Parameters<Handler>[0];

/** Called after the catalog has granted the refresh of an anchor. */
export type OnRefresh = (request: RefreshRequest) => void;

const RefreshBody = z.object({ entityRef: z.string() });

/**
 * Makes the handler; it is to be registered on the catalog's router and passes every
 * request on untouched.
 *
 * @param anchors - by entity ref in its full form and lower case, such as
 * `location:default/bitbucket-server-default`
 */
export function createRefreshObserver(anchors: ReadonlyMap<string, OnRefresh>): Handler {
  return (request, response, next) => {
    if (request.method === 'POST' && /^\/refresh\/?$/i.test(request.path)) {
      response.once('finish', () => {
        if (response.statusCode === 200) {
          const ref = refreshedRef(request.body);
          anchors.get(ref ?? '')?.(request);
        }
      });
    }
    next();
  };
}

/** @param body - what the catalog parsed */
function refreshedRef(body: unknown): string | undefined {
  const parsed = RefreshBody.safeParse(body);
  if (!parsed.success) {
    return undefined;
  }
  try {
    return stringifyEntityRef(parseEntityRef(parsed.data.entityRef));
  } catch {
    return undefined;
  }
}
