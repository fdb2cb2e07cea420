/** The time of the first run, with Backstage's own scheduler, which stores when a run is due. */

import { schedulerServiceFactory } from '@backstage/backend-defaults/scheduler';
import { coreServices, createServiceFactory } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { componentYaml } from '../dev/seed';
import {
  ANCHOR,
  createDropInWorld,
  DropInWorld,
  SCHEDULE,
} from './__testUtils__/dropInWorld';
import { eventually } from '../src/__testUtils__/eventually';
import { createLogRecorder } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

const provider = (repoSlug: string): JsonObject => ({
  schedule: SCHEDULE,
  filters: { repoSlug: `^(${repoSlug})$` },
});

/** Consecutive backends on one database. */
async function createWorld(repoSlug: string) {
  const world = await createDropInWorld({ providers: provider(repoSlug) });
  endings.push(() => world.end());
  return {
    world,
    async start() {
      const logger = createLogRecorder();
      const recorder = createServiceFactory({
        service: coreServices.logger,
        deps: {},
        factory: () => logger,
      });
      world.bitbucket.clearRequests();
      const backend = await world.start(
        discoveryModule,
        schedulerServiceFactory,
        recorder,
      );
      endings.push(() => backend.stop());
      return {
        ...backend,
        reasons: () =>
          logger
            .messages('info')
            .flatMap(text => /ahead of its schedule: (.*)/.exec(text)?.[1] ?? []),
      };
    },
  };
}

const listings = ({ bitbucket }: DropInWorld) =>
  bitbucket.requests.filter(request => request.path.includes('/repos?')).length;

/** Waits until a run is over and no other one is about to begin. */
async function untilIdle(world: DropInWorld): Promise<void> {
  await eventually(async () => {
    expect(listings(world)).toBeGreaterThan(0);
    const tasks: unknown[] = await world.ask(knex =>
      knex('backstage_backend_tasks__tasks')
        .where('id', 'bitbucketServer-provider:default:refresh')
        .whereNull('current_run_ticket')
        .where('next_run_start_at', '>', knex.fn.now()),
    );
    expect(tasks).toHaveLength(1);
  });
}

describe('a backend whose scheduler has a row for the task', () => {
  it('waits until the next run is due where nothing has changed, and runs immediately with other filters', async () => {
    const { world, start } = await createWorld('api');
    const first = await start();
    await first.waitForEntities('kind=component', 1);
    await untilIdle(world);
    expect(listings(world)).toBe(1);
    await first.stop();

    const second = await start();
    expect(await second.refresh(ANCHOR)).toBe(200);
    await untilIdle(world);
    expect(second.reasons()).toEqual([]);
    expect(listings(world)).toBe(1);
    await second.stop();

    world.configure(provider('api|web'));
    const third = await start();
    await third.waitForEntities('kind=component', 2);
    await untilIdle(world);
    expect(third.reasons()).toEqual(['its configuration has changed since its last run']);
    expect(listings(world)).toBe(1);
  });

  it('runs immediately where the catalog has no entities of the provider', async () => {
    const { world, start } = await createWorld('no-file');
    const first = await start();
    await untilIdle(world);
    await first.stop();
    world.bitbucket.writeFile(
      'SHOP',
      'no-file',
      'catalog-info.yaml',
      componentYaml('since-then', 'a service'),
    );

    const second = await start();

    await second.component('since-then');
    expect(second.reasons()).toEqual(['the catalog has none of its entities']);
  });
});
