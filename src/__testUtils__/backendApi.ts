/** HTTP calls of users and of Bitbucket to a running backend. For tests. */

import { Entity } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import type { WebhookRequest } from '../../dev/simulatedBitbucket';
import { eventually } from './eventually';

/** A token that backends with {@link apiAuthConfig} accept. */
export const TOKEN = 'a-static-token-of-a-test';

/** The secret that signs webhooks for backends with {@link webhookConfig}. */
export const WEBHOOK_SECRET = 'a-webhook-secret';

const EntityList = z.array(z.custom<Entity>(value => typeof value === 'object'));

/** The rest of the default policy stays: requests without a token are refused. */
export const apiAuthConfig: JsonObject = {
  externalAccess: [{ type: 'static', options: { token: TOKEN, subject: 'a-test' } }],
};

/** The configuration of `events`; without the bus, which is for several processes and whose polling would delay the shutdown. */
export function webhookConfig(useEventBus: 'never' | 'always'): JsonObject {
  const modules = { bitbucketServer: { webhookSecret: WEBHOOK_SECRET } };
  return { modules, useEventBus };
}

/** The calls to a backend, with its token where it has one. */
export interface BackendApi {
  /** For example `http://localhost:12345`. */
  readonly baseUrl: string;
  /** Sends any request. */
  send(path: string, init?: { method?: string; body?: JsonObject }): Promise<Response>;
  /** Returns the entities that the catalog lists. */
  entities(filter: string): Promise<Entity[]>;
  /** Waits until this number of entities matches, and returns them. */
  waitForEntities(filter: string, count: number): Promise<Entity[]>;
  component(name: string): Promise<Entity>;
  /** Requests a refresh. @returns the status */
  refresh(entityRef: string): Promise<number>;
  /** Sends a webhook like Bitbucket, without a token. @returns the status */
  deliver(webhook: WebhookRequest): Promise<number>;
}

/** @param token - left out where calls need no token */
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
