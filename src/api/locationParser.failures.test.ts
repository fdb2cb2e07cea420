/** What becomes of a repository whose location parser fails: unknown, and nothing is removed. */

import { Entity } from '@backstage/catalog-model';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';
import { BitbucketServerLocationParser } from './locationParser';

const COMPONENT: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'api' },
};

function wrongPassword() {
  const exceptionName =
    'com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException';
  return { type: 'status', status: 401, exceptionName } as const;
}

/** A provider that has discovered one repository, whose parser then becomes another one. */
async function discoverThen(next: BitbucketServerLocationParser) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  const files = { 'a.yaml': '', 'b.yaml': '' };
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'api', files });
  let parser: BitbucketServerLocationParser = async function* first({ path }) {
    if (path === 'a.yaml') {
      yield COMPONENT;
    }
  };
  const scene = await connectTestProvider({
    bitbucket,
    clock,
    config: { catalogPath: '/*.yaml' },
    parser: options => parser(options),
  });
  await scene.run();
  parser = next;
  const { connection, logger, reports } = scene;
  return {
    ...scene,
    bitbucket,
    held: () => [...connection.held.keys()].filter(ref => ref.startsWith('component')),
    reported: async () => {
      const page = await reports.pageRepositories('default', { limit: 10, offset: 0 });
      return page.items.map(({ outcome, reason, detail }) => ({
        outcome,
        reason,
        detail,
      }));
    },
    warnings: () => logger.messages('warn').join('\n'),
  };
}

const unlike = (value: unknown) => {
  const parser: unknown = () => value;
  return parser;
};

function failing(error: unknown): BitbucketServerLocationParser {
  return async function* parse() {
    yield await Promise.reject(error);
  };
}

/** What JavaScript lets people write and TypeScript does not. */
function asParser(value: unknown): BitbucketServerLocationParser {
  const isParser = (parser: unknown): parser is BitbucketServerLocationParser =>
    typeof parser === 'function';
  if (!isParser(value)) {
    throw new Error('not a function');
  }
  return value;
}

const FAILURES: readonly [string, BitbucketServerLocationParser, string][] = [
  ['throws', failing(new Error('no owner')), 'The location parser failed: no owner'],
  [
    'throws after it has yielded something',
    async function* parse() {
      yield COMPONENT;
      throw new Error('half way');
    },
    'The location parser failed: half way',
  ],
  [
    'throws a value that is not an error',
    failing('just a text'),
    'The location parser failed: just a text',
  ],
  [
    'throws before it returns a generator',
    () => {
      throw new Error('at once');
    },
    'The location parser failed: at once',
  ],
  [
    'yields a value that is not an entity',
    async function* parse() {
      yield { ...COMPONENT, kind: '' };
    },
    'The location parser failed: it yielded a value that is not an entity: ',
  ],
  [
    'yields one entity for two files',
    async function* parse() {
      yield COMPONENT;
    },
    'The location parser failed: it yielded component:default/api twice, for a.yaml and for b.yaml',
  ],
  [
    'yields one entity twice for one file',
    async function* parse({ path }) {
      yield* path === 'a.yaml' ? [COMPONENT, COMPONENT] : [];
    },
    'The location parser failed: it yielded component:default/api twice, for a.yaml and for a.yaml',
  ],
  [
    'is an ordinary async function',
    asParser(unlike(Promise.resolve([COMPONENT]))),
    'The location parser failed: it is not an async generator function',
  ],
  [
    'returns nothing',
    asParser(unlike(undefined)),
    'The location parser failed: it is not an async generator function',
  ],
  [
    'requests a repository that does not exist',
    async function* parse({ client }) {
      await client.getRepository({ projectKey: 'PAY', repo: 'no-such' });
      yield COMPONENT;
    },
    'The location parser failed: Bitbucket has no /rest/api/1.0/projects/PAY/repos/no-such',
  ],
];

describe('a location parser', () => {
  it.each(FAILURES)(
    'makes the repository unknown if it %s',
    async (_, parser, detail) => {
      const scene = await discoverThen(parser);
      await scene.run();

      const [report] = await scene.reported();
      expect(report).toMatchObject({ outcome: 'unknown', reason: 'parser-failed' });
      expect(report?.detail).toContain(detail);
      expect(scene.held()).toEqual(['component:default/api']);
    },
  );

  it('does not affect other repositories if it fails on one', async () => {
    const scene = await discoverThen(async function* parse({ repository, path }) {
      if (repository.slug === 'api') {
        throw new Error('only this one');
      }
      yield* path === 'a.yaml' ? [{ ...COMPONENT, metadata: { name: 'web' } }] : [];
    });
    const files = { 'a.yaml': '' };
    scene.bitbucket.addRepository({ projectKey: 'PAY', slug: 'web', files });
    await scene.run();

    expect(scene.held().sort()).toEqual([
      'component:default/api',
      'component:default/web',
    ]);
  });

  it('is given up after five minutes if it never ends', async () => {
    const scene = await discoverThen(async function* parse() {
      await new Promise(() => undefined);
      yield COMPONENT;
    });
    const begin = scene.clock.now();
    await scene.run();

    expect(await scene.reported()).toEqual([
      {
        outcome: 'unknown',
        reason: 'parser-failed',
        detail: 'The location parser did not finish within 5 minutes',
      },
    ]);
    expect(scene.clock.now() - begin).toBe(5 * 60_000);
    expect(scene.held()).toEqual(['component:default/api']);
  });

  it('does not delay an aborted run if it never ends', async () => {
    const abort = new AbortController();
    const scene = await discoverThen(async function* parse() {
      abort.abort(new Error('enough'));
      await new Promise(() => undefined);
      yield COMPONENT;
    });
    const begin = scene.clock.now();
    await expect(scene.run(abort.signal)).rejects.toThrow('enough');

    expect(scene.clock.now()).toBe(begin);
    expect(scene.held()).toEqual(['component:default/api']);
  });

  it('is closed if it is left early', async () => {
    let isTold = false;
    const scene = await discoverThen(async function* parse() {
      try {
        yield { ...COMPONENT, kind: '' };
      } finally {
        isTold = true;
      }
    });
    await scene.run();

    expect(isTold).toBe(true);
  });

  it('has its missing answer reported, and is called again in the next run', async () => {
    const scene = await discoverThen(async function* parse({ client, path }) {
      const file = await client.getFile({ projectKey: 'PAY', repo: 'api', path });
      yield* file.ok && path === 'a.yaml' ? [COMPONENT] : [];
    });
    const effect = { type: 'reset' } as const;
    const fault = scene.bitbucket.faults.add({ match: { path: /\/raw\// }, effect });
    await scene.run();
    const [failed] = await scene.reported();
    fault.remove();
    await scene.run();

    expect(failed?.detail).toMatch(
      /^The location parser failed: GET .*\/raw\/a\.yaml failed after \d attempts: /,
    );
    expect(await scene.reported()).toMatchObject([{ outcome: 'registered' }]);
  });

  it('does not reveal a password that it quotes', async () => {
    const scene = await discoverThen(
      failing(new Error(`login as ${TEST_USER.name}:${TEST_USER.password} failed`)),
    );
    await scene.run();

    const [report] = await scene.reported();
    expect(report?.detail).toBe('The location parser failed: login as [redacted] failed');
    expect(scene.logger.text()).not.toContain(TEST_USER.password);
  });

  it('has a quoted file shortened, on one line and without control characters', async () => {
    const content = `a\u001b[2J\n${'x'.repeat(100_000)}`;
    const scene = await discoverThen(failing(new Error(content)));
    await scene.run();

    const [report] = await scene.reported();
    expect(report?.detail).toMatch(/^The location parser failed: a\uFFFD\[2J x+…$/);
    expect(report?.detail).toHaveLength(1_001);
    expect(scene.logger.text()).not.toMatch(/\\u001b|x{1001}/);
  });

  it('ends the run immediately if the credentials no longer work', async () => {
    const scene = await discoverThen(async function* parse({ client, path }) {
      await client.getFile({ projectKey: 'PAY', repo: 'api', path });
      yield COMPONENT;
    });
    scene.bitbucket.faults.add({
      match: { path: /\/raw\// },
      effect: wrongPassword(),
    });
    await expect(scene.run()).rejects.toThrow(/rejected the configured credentials/);

    expect(scene.held()).toEqual(['component:default/api']);
  });
});
