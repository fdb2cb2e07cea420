/** The order in which an evaluation takes effect, and what a crash in between leaves. */

import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { countRequests } from '../__testUtils__/simulatedSource';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';
import { createTestStore } from '../__testUtils__/testStores';
import { Repository } from '../model';
import { EvaluationRequest } from './RepositoryEvaluator';

const CATALOG_FILE = 'catalog-info.yaml';
const API = { projectKey: 'PAY', slug: 'api' };
const toTarget = (slug: string) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/${CATALOG_FILE}`;

/** A store of which each write may be told of, or held up. */
function createWatchedStore() {
  const store = createTestStore();
  const watch = { onSave: async () => {} };
  const { recordEvaluation } = store;
  store.recordEvaluation = async (...saved) => {
    await watch.onSave();
    await recordEvaluation.apply(store, saved);
  };
  return { store, watch };
}

async function connect({ config = {}, hasRun = true } = {}) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  for (const slug of ['api', 'web', 'db']) {
    const files = { [CATALOG_FILE]: 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'new' });
  const { store, watch } = createWatchedStore();
  const connected = await connectTestProvider({ bitbucket, clock, config, store });
  const { context, connection, evaluator } = connected;
  if (hasRun) {
    await connected.run();
    await clock.advance(60_000);
  }
  bitbucket.clearRequests();
  const evaluate = (request: Partial<EvaluationRequest> = {}, signal?: AbortSignal) => {
    const client = context.clients.createForEvent();
    return evaluator.evaluate({ address: API, ...request }, client, signal);
  };
  const remembered = async (slug: string) => {
    const state = await store.load('default');
    return state?.repositories
      .find(repository => repository.slug === slug)
      ?.files.map(file => file.path);
  };
  /** What happens, in order. */
  const effects: string[] = [];
  watch.onSave = async () => void effects.push('stored');
  const { applyMutation } = connection;
  connection.applyMutation = async mutation => {
    effects.push(mutation.type);
    await applyMutation(mutation);
  };
  return { ...connected, bitbucket, effects, evaluate, remembered, store, watch };
}

describe('an evaluation', () => {
  it('stores an addition before it changes the catalog', async () => {
    const { bitbucket, clock, effects, evaluate } = await connect();
    bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x');
    await clock.run(evaluate({ address: { ...API, slug: 'new' } }));
    expect(effects).toEqual(['stored', 'delta', 'stored']);
  });

  it('keeps a removed file in the store until the catalog is changed', async () => {
    const { bitbucket, clock, connection, evaluate, remembered } = await connect();
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    const seen: unknown[] = [];
    const { applyMutation } = connection;
    connection.applyMutation = async mutation => {
      seen.push(await remembered('api'));
      await applyMutation(mutation);
    };
    await clock.run(evaluate());
    expect(seen).toEqual([[CATALOG_FILE]]);
    expect(await remembered('api')).toEqual([]);
  });

  it('is repeated by the next one after a crash in between', async () => {
    const { bitbucket, clock, connection, evaluate, remembered } = await connect();
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    const { applyMutation } = connection;
    connection.applyMutation = async () => {
      throw new Error('crashed');
    };
    await expect(clock.run(evaluate())).rejects.toThrow('crashed');
    expect(await remembered('api')).toEqual([CATALOG_FILE]);
    connection.applyMutation = applyMutation;
    await clock.run(evaluate());
    expect(connection.targets()).toEqual([toTarget('db'), toTarget('web')]);
  });

  it('applies no mutation if nothing changed', async () => {
    const { clock, effects, evaluate } = await connect();
    const evaluation = await clock.run(evaluate());
    expect(effects).toEqual(['stored']);
    expect(evaluation).toMatchObject({
      kind: 'evaluated',
      repository: API,
      result: { outcome: { kind: 'registered' } },
    });
  });

  it('requests, for a listed repository, only its former address', async () => {
    const { bitbucket, clock, evaluate, connection } = await connect();
    const { id } = bitbucket.renameRepository('PAY', 'api', 'gateway');
    const listed: Repository = {
      ...API,
      id,
      slug: 'gateway',
      name: 'gateway',
      archived: false,
      fork: false,
      personal: false,
      public: false,
    };
    await clock.run(
      evaluate({ address: listed, formerAddress: API, listed: { repository: listed } }),
    );
    // Only who is at its former address.
    expect(countRequests(bitbucket)).toEqual({ 'file-check': 1, repository: 1 });
    expect(connection.targets()).toEqual(['db', 'gateway', 'web'].map(toTarget));
  });

  it('changes nothing if the answer is unknown', async () => {
    const { bitbucket, clock, effects, evaluate } = await connect();
    bitbucket.faults.add({ effect: { type: 'status', status: 401 } });
    const evaluation = await clock.run(evaluate());
    expect(evaluation).toMatchObject({ kind: 'unknown' });
    expect(effects).toEqual([]);
  });

  it('changes nothing for a repository that is not available yet', async () => {
    const { bitbucket, clock, effects, evaluate } = await connect();
    bitbucket.updateRepository('PAY', 'api', { state: 'INITIALISING' });
    const evaluation = await clock.run(evaluate());
    expect(evaluation).toMatchObject({ kind: 'unknown' });
    expect(effects).toEqual([]);
  });

  it('is not possible before a run has started', async () => {
    const { bitbucket, clock, effects, evaluate } = await connect({ hasRun: false });
    for (const slug of ['api', 'nothing']) {
      const evaluation = await clock.run(evaluate({ address: { ...API, slug } }));
      expect(evaluation).toMatchObject({
        kind: 'unknown',
        problem: { reason: 'not-checked' },
      });
    }
    expect(effects).toEqual([]);
    expect(bitbucket.requests).toEqual([]);
  });

  it('ends with its signal and changes nothing', async () => {
    const { bitbucket, clock, effects, evaluate } = await connect();
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    bitbucket.settings.latencyMs = 1_000;
    const end = new AbortController();
    const evaluation = evaluate({}, end.signal);
    const ended = expect(evaluation).rejects.toThrow('over');
    await clock.advance(500);
    end.abort(new Error('over'));
    await ended;
    await clock.settle();
    expect(effects).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });
});

describe('an evaluation at the end of a run', () => {
  it('is not undone although it is stored late', async () => {
    const scene = await connect();
    const { bitbucket, clock, connection, evaluate, provider, watch } = scene;
    const match = { kind: 'file-check', repositorySlug: 'web' } as const;
    bitbucket.faults.add({ match, times: 1, effect: { type: 'delay', ms: 10_000 } });
    const running = provider.refresh();
    await clock.advance(1_000);
    bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x');
    let calls = 0;
    watch.onSave = async () => {
      calls += 1;
      // Of the evaluation, while the run comes to its end.
      await (calls === 1 ? clock.sleep(20_000) : undefined);
    };
    const evaluation = evaluate({ address: { ...API, slug: 'new' } });
    const { applyMutation } = connection;
    connection.applyMutation = async mutation => {
      // So does the mutation of the run.
      await (mutation.type === 'full' ? clock.sleep(20_000) : undefined);
      await applyMutation(mutation);
    };
    await clock.run(Promise.all([running, evaluation]));
    expect(connection.targets()).toContain(toTarget('new'));
  });

  it('keeps the results of the run', async () => {
    const scene = await connect();
    const { bitbucket, clock, connection, evaluate, provider } = scene;
    bitbucket.settings.latencyMs = 500;
    const running = provider.refresh();
    await clock.run(Promise.all([running, evaluate(), evaluate({ address: API })]));
    expect(connection.targets()).toEqual(['api', 'db', 'web'].map(toTarget));
  });
});

describe('an evaluation that is overtaken', () => {
  /** Checks `api`, and applies the result ten seconds later. */
  async function evaluateSlowly(
    prepare: (scene: Awaited<ReturnType<typeof connect>>) => void,
  ) {
    const scene = await connect();
    const { store, clock, evaluate } = scene;
    prepare(scene);
    const loadRelated = store.loadRelated.bind(store);
    let isFirst = true;
    store.loadRelated = async (...asked) => {
      const related = await loadRelated(...asked);
      // Asked once on the way to Bitbucket's last answer.
      if (isFirst) {
        isFirst = false;
        await clock.sleep(10_000);
      }
      return related;
    };
    const slow = evaluate();
    await clock.advance(1_000);
    return { ...scene, slow };
  }

  it('checks again instead of removing what a newer evaluation has found', async () => {
    const scene = await evaluateSlowly(({ bitbucket }) =>
      bitbucket.removeFile('PAY', 'api', CATALOG_FILE),
    );
    const { bitbucket, clock, connection, effects, evaluate, slow } = scene;
    bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'back again');
    await clock.run(Promise.all([slow, evaluate()]));
    expect(effects).not.toContain('delta');
    expect(connection.targets()).toContain(toTarget('api'));
  });

  it('checks again instead of removing what a run may have found since', async () => {
    const scene = await evaluateSlowly(({ bitbucket }) =>
      bitbucket.removeFile('PAY', 'api', CATALOG_FILE),
    );
    const { bitbucket, clock, connection, effects, run, slow } = scene;
    bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'back again');
    await run();
    await clock.run(slow);
    expect(effects).not.toContain('delta');
    expect(connection.targets()).toContain(toTarget('api'));
  });

  it('removes a missing file once its check is the last one', async () => {
    const scene = await evaluateSlowly(() => {});
    const { bitbucket, clock, connection, evaluate, slow } = scene;
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    await clock.run(Promise.all([slow, evaluate()]));
    expect(connection.targets()).not.toContain(toTarget('api'));
  });

  it('gives up for a while if that happens repeatedly', async () => {
    const { bitbucket, clock, evaluate, store } = await connect();
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    const { takeRevision } = store;
    store.takeRevision = async id => {
      const revision = await takeRevision.call(store, id);
      await store.recordInterim(id, { repositories: [] });
      return revision;
    };
    const evaluation = await clock.run(evaluate());
    expect(evaluation).toMatchObject({
      kind: 'unknown',
      problem: { reason: 'not-checked' },
    });
    expect(bitbucket.requests).toHaveLength(6);
  });
});
