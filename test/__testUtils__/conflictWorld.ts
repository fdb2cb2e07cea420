/**
 * A real backend whose provider, or providers, share the catalog with others, and what the
 * report says of it. Must not be used outside tests.
 */

import { JsonObject } from '@backstage/types';
import { EventParams } from '@backstage/plugin-events-node';
import type { Knex } from 'knex';
import { z } from 'zod';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { componentYaml } from '../../dev/seed';
import { createCatalogObserver } from './catalogObserver';
import { eventually } from '../../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../../src/__testUtils__/testProvider';
import discoveryModule from '../../src/index';
import { plainLocationRef } from '../../src/provider/locationEntities';

const FILE = 'catalog-info.yaml';

const Item = z.looseObject({
  projectKey: z.string(),
  repositorySlug: z.string(),
  conflicts: z.array(
    z.looseObject({
      kind: z.string(),
      entityRef: z.string(),
      targetUrl: z.string(),
      role: z.string(),
      other: z.looseObject({ description: z.string(), locationKey: z.string() }),
      explanation: z.string(),
      remedy: z.string(),
    }),
  ),
});
const Registered = z.object({ location: z.object({ id: z.string() }) });
const Page = z.object({ items: z.array(Item), totalItems: z.number() });
const Discovery = z.object({
  status: z.string(),
  startedAt: z.string().optional(),
  summary: z.object({ conflicts: z.number() }).optional(),
});

/** A repository with its conflicts, as the report shows them. */
export type DisputedItem = z.infer<typeof Item>;

/** A started backend and the Bitbucket it reads. */
export interface ConflictWorld {
  readonly bitbucket: SimulatedBitbucket;
  readonly backend: TestBackend;
  readonly knex: Knex;
  /** The URL of a repository's catalog file. */
  toTarget(at: string): string;
  /** Adds a repository whose catalog file describes a Component. */
  add(at: string, component: string, originAt?: string): void;
  /** Renames the Component in a repository's catalog file. */
  rename(at: string, component: string): void;
  /** Registers a repository's catalog file as users do; returns how to take that back. */
  register(
    at: string,
    spell?: (target: string) => string,
  ): Promise<() => Promise<unknown>>;
  /** Has the catalog read a repository's catalog file again now. */
  refresh(at: string): Promise<void>;
  /** Deletes a repository's catalog file by a push, and sends its webhook. */
  pushWithoutFile(at: string): Promise<void>;
  /** Has the catalog delete what nothing claims any more, as it does every 30 seconds. */
  deleteOrphans(): Promise<void>;
  /** Calls the catalog; the path is that below `/api/catalog`. */
  call(path: string, body?: object, method?: string): Promise<unknown>;
  /** Runs a provider from its beginning to its end. */
  run(id?: string): Promise<void>;
  /** The repositories of a provider with conflicts, which are those that `conflicts=true` lists. */
  disputed(id?: string): Promise<DisputedItem[]>;
  /** The same in short, such as `PAY/api: entity refused, catalog-info.yaml of PAY/web`. */
  conflicts(id?: string): Promise<string[]>;
  /** How many conflicts the summary counts. */
  count(id?: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** For {@link startConflictWorld}. */
export interface ConflictWorldOptions {
  readonly knex: Knex;
  /** Their ids; a single one named `default` when left out. */
  readonly providers?: readonly string[];
  /** Components by repository, such as `PAY/api`. */
  readonly components: Readonly<Record<string, string>>;
  /** How often the catalog reads each file, at least; a second when left out. */
  readonly intervalSeconds?: number;
}

/** Starts the world; providers run only on demand. */
export async function startConflictWorld(
  options: ConflictWorldOptions,
): Promise<ConflictWorld> {
  const { knex, components, providers = ['default'], intervalSeconds = 1 } = options;
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  const add = (at: string, component: string, originAt?: string) =>
    addRepository(bitbucket, at, component, originAt);
  Object.entries(components).forEach(([at, component]) => add(at, component));
  const served = await serve(bitbucket);
  const observer = createCatalogObserver();
  const backend = await startBackend({
    config: configFor(bitbucket, { providers, intervalSeconds }),
    features: [discoveryModule, observer.feature],
    knex,
  });
  const reader = createReader(backend);
  const toTarget = (at: string) => {
    const [key, slug] = at.split('/');
    return `${bitbucket.baseUrl}/projects/${key}/repos/${slug}/browse/${FILE}`;
  };
  return {
    ...reader,
    bitbucket,
    backend,
    knex,
    add,
    toTarget,
    rename(at, component) {
      const [key = '', slug = ''] = at.split('/');
      bitbucket.writeFile(key, slug, FILE, componentYaml(component, 'renamed'));
    },
    async register(at, spell = same => same) {
      const target = spell(toTarget(at));
      const answer = await reader.call('/locations', { type: 'url', target });
      const { id } = Registered.parse(answer).location;
      return () => reader.call(`/locations/${id}`, undefined, 'DELETE');
    },
    async refresh(at) {
      await reader.call('/refresh', { entityRef: plainLocationRef(toTarget(at)) });
    },
    async pushWithoutFile(at) {
      const event = eventOfPushWithoutFile(bitbucket, at);
      await observer.publish(event);
    },
    deleteOrphans: () => observer.runTask('catalog_orphan_cleanup'),
    async stop() {
      await backend.stop();
      await served.close();
    },
  };
}

function configFor(
  bitbucket: SimulatedBitbucket,
  options: Required<Pick<ConflictWorldOptions, 'providers' | 'intervalSeconds'>>,
): JsonObject {
  const provider = {
    host: new URL(bitbucket.baseUrl).host,
    filters: { personalRepos: true, exclude: { projectKey: '^HIDDEN$' } },
    schedule: { frequency: { trigger: 'manual' }, timeout: { minutes: 1 } },
  };
  return {
    integrations: appConfigFor({ bitbucket }).integrations,
    catalog: {
      providers: {
        bitbucketServer: Object.fromEntries(options.providers.map(id => [id, provider])),
      },
      processingInterval: { seconds: options.intervalSeconds },
    },
  };
}

function addRepository(
  bitbucket: SimulatedBitbucket,
  at: string,
  component: string,
  originAt?: string,
): void {
  const [projectKey = '', slug = ''] = at.split('/');
  const [originKey = '', originSlug = ''] = (originAt ?? '').split('/');
  bitbucket.addRepository({
    projectKey,
    slug,
    files: { [FILE]: componentYaml(component, `that of ${at}`) },
    ...(originAt && { origin: { projectKey: originKey, slug: originSlug } }),
  });
}

function eventOfPushWithoutFile(bitbucket: SimulatedBitbucket, at: string): EventParams {
  const [projectKey = '', slug = ''] = at.split('/');
  const changes = [bitbucket.removeFile(projectKey, slug, FILE)];
  const details = { projectKey, slug, changes };
  const { headers, body } = bitbucket.webhook('repo:refs_changed', details);
  const eventPayload: unknown = JSON.parse(body);
  return { topic: 'bitbucketServer', eventPayload, metadata: headers };
}

type Reader = Pick<ConflictWorld, 'call' | 'run' | 'disputed' | 'conflicts' | 'count'>;

function createReader({ baseUrl }: TestBackend): Reader {
  const call: Reader['call'] = async (path, body, method = body ? 'POST' : 'GET') => {
    const response = await fetch(`${baseUrl}/api/catalog${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    const answer: unknown = /^[{[]/.test(text) ? JSON.parse(text) : undefined;
    return answer;
  };
  const discovery = async (id: string) =>
    Discovery.parse(await call(`/bitbucket-server/discoveries/${id}`));
  const disputed = async (id = 'default') => {
    const path = `/bitbucket-server/discoveries/${id}/repositories`;
    // The catalog may continue between the two calls.
    return eventually(async () => {
      const all = Page.parse(await call(path));
      const { items, totalItems } = Page.parse(await call(`${path}?conflicts=true`));
      const withSome = all.items.filter(item => item.conflicts.length > 0);
      expect({ items, totalItems }).toEqual({
        items: withSome,
        totalItems: withSome.length,
      });
      return items;
    });
  };
  return {
    call,
    disputed,
    async run(id = 'default') {
      const before = (await discovery(id)).startedAt;
      await call('/refresh', { entityRef: `location:default/bitbucket-server-${id}` });
      await eventually(async () => {
        const { status, startedAt } = await discovery(id);
        expect([status, startedAt !== before]).toEqual(['succeeded', true]);
      });
    },
    conflicts: async id =>
      (await disputed(id)).flatMap(({ projectKey, repositorySlug, conflicts }) =>
        conflicts.map(
          ({ kind, role, other }) =>
            `${projectKey}/${repositorySlug}: ${kind} ${role}, ${other.description}`,
        ),
      ),
    count: async (id = 'default') => (await discovery(id)).summary?.conflicts,
  };
}
