/** What users and Bitbucket ask of a running backend, over HTTP. For tests. */

import { Entity } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import type { WebhookRequest } from '../../dev/simulatedBitbucket';
import { eventually } from './eventually';

/** A token that backends with {@link apiAuthConfig} accept. */
export const TOKEN = 'a-static-token-of-a-test';

/** With which webhooks are signed for backends with {@link webhookConfig}. */
export const WEBHOOK_SECRET = 'a-webhook-secret';

const EntityList = z.array(z.custom<Entity>(value => typeof value === 'object'));

/** The rest of the default policy stays: no token, no answer. */
export const apiAuthConfig: JsonObject = {
  externalAccess: [{ type: 'static', options: { token: TOKEN, subject: 'a-test' } }],
};

/** Of `events`; the bus is for several processes, and a poll of it would hold up the end of one. */
export function webhookConfig(useEventBus: 'never' | 'always'): JsonObject {
  const modules = { bitbucketServer: { webhookSecret: WEBHOOK_SECRET } };
  return { modules, useEventBus };
}

/** The calls, each with the token where there is one. */
export interface BackendApi {
  /** Such as `http://localhost:12345`. */
  readonly baseUrl: string;
  /** Any request. */
  send(path: string, init?: { method?: string; body?: JsonObject }): Promise<Response>;
  /** What the catalog lists. */
  entities(filter: string): Promise<Entity[]>;
  /** Waits until so many entities match, and returns them. */
  waitForEntities(filter: string, count: number): Promise<Entity[]>;
  component(name: string): Promise<Entity>;
  /** @returns the status */
  refresh(entityRef: string): Promise<number>;
  /** Sends a webhook as Bitbucket does, without a token. @returns the status */
  deliver(webhook: WebhookRequest): Promise<number>;
}

/** @param token - left out where everybody may call */
export function createBackendApi(baseUrl: string, token?: string): BackendApi {
  const send: BackendApi['send'] = (path, { method = 'GET', body } = {}) =>
    fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  const entities = async (filter: string) => {
    const response = await send(
      `/api/catalog/entities?filter=${encodeURIComponent(filter)}`,
    );
    return EntityList.parse(await response.json());
  };
  const waitForEntities = (filter: string, count: number) =>
    eventually(async () => {
      const found = await entities(filter);
      if (found.length !== count) {
        throw new Error(`${found.length} entities match ${filter}, not ${count}`);
      }
      return found;
    });
  return {
    baseUrl,
    send,
    entities,
    waitForEntities,
    async component(name) {
      const [found] = await waitForEntities(`kind=component,metadata.name=${name}`, 1);
      if (!found) {
        throw new Error(`There is no Component ${name}`);
      }
      return found;
    },
    async refresh(entityRef) {
      const body = { entityRef };
      const { status } = await send('/api/catalog/refresh', { method: 'POST', body });
      return status;
    },
    async deliver({ headers, body }) {
      const response = await fetch(`${baseUrl}/api/events/http/bitbucketServer`, {
        method: 'POST',
        headers: { ...headers },
        body,
      });
      return response.status;
    },
  };
}
