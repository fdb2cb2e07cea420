import fc from 'fast-check';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  expectNoPollution,
  FUZZ_RUNS,
  hostileValues,
  arbitraryMutation,
} from '../__testUtils__/hostileData';
import { createFetch } from '../__testUtils__/simulatedClient';
import { createTestLimiters } from '../__testUtils__/testLimiters';
import { createClientFactory } from '../provider/createClient';
import { RestClient } from './RestClient';

const API = { projectKey: 'PAY', slug: 'api' };
const ABOUT_CATALOG = { path: 'catalog-info.yaml', fileName: 'catalog-info.yaml' };

/** The last commit to {@link API}, and the one before it. */
let push = { fromHash: '', toHash: '' };

function createServer() {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', token: 'secret-token' }],
    search: {},
    rateLimit: { capacity: 60, fillRate: 5 },
  });
  for (const slug of ['api', 'web']) {
    const files = { 'catalog-info.yaml': '', 'docs/index.md': '# Docs' };
    bitbucket.addRepository({ ...API, slug, files, labels: ['service'] });
  }
  push = bitbucket.writeFile('PAY', 'api', 'docs/index.md', '# Changed');
  return bitbucket;
}

/** Every method that reads an answer. */
const QUESTIONS: Record<string, (client: RestClient) => Promise<unknown>> = {
  listRepositories: client => collect(client.listRepositories({})),
  listProjects: client => collect(client.listProjects({})),
  listProjectRepositories: client => collect(client.listProjectRepositories('PAY', {})),
  listLabeled: client => collect(client.listLabeled('service', {})),
  getRepository: client => client.getRepository(API),
  getLabels: client => client.getLabels(API),
  findFile: client => client.findFile(API, ABOUT_CATALOG.path),
  listFiles: client => client.listFiles(API),
  getDefaultBranch: client => client.getDefaultBranch(API),
  getHeadCommit: client => client.getHeadCommit(API),
  getFileSize: client => client.getFileSize(API, ABOUT_CATALOG.path),
  getFileChanges: client => client.getFileChanges(API, push),
  searchFiles: client => client.searchFiles(ABOUT_CATALOG),
  readServerInfo: client => client.readServerInfo(),
  readRateLimitBudget: client => client.readRateLimitBudget(),
};

async function collect(steps: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const step of steps) {
    all.push(step);
  }
  return all;
}

const SECRET = 'secret-token';

/** A client whose requests are all answered by `answer`, with its own clock. */
function connect(answer: typeof fetch) {
  const clock = new FakeClock();
  const integration = {
    host: 'bitbucket.test',
    apiBaseUrl: 'http://bitbucket.test/rest/api/latest',
    token: SECRET,
  };
  const client = createClientFactory({
    providerId: 'test',
    integration,
    requestTimeoutMs: 30_000,
    limiters: createTestLimiters(integration, { clock }),
    clock,
    fetch: answer,
  }).create();
  return { client, clock };
}

/** Returns the simulated server's last answer to a request. */
async function recordAnswer(ask: (client: RestClient) => Promise<unknown>) {
  const forward = createFetch(createServer());
  let body: unknown;
  const { client, clock } = connect(async (input, init) => {
    const response = await forward(input, init);
    body = await response.clone().json();
    return response;
  });
  const result = await clock.run(ask(client));
  return { body, result };
}

const ERROR = {
  errors: [
    {
      context: null,
      message: 'The path does not exist',
      exceptionName: 'com.atlassian.bitbucket.content.NoSuchPathException',
    },
  ],
};

/** Converts a value to a body; a value too deeply nested becomes a truncated answer. */
function toText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '['.repeat(100_000);
  }
}

const headers = fc.dictionary(
  fc.constantFrom('retry-after', 'x-ausername', 'x-ratelimit-remaining', 'content-type'),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e999',
    '99999999999',
    'Thu, 99 Foo',
    '__proto__',
    'bot',
  ),
);

/** Without redirects and 429, which the transport handles and its own tests cover. */
const STATUSES = [200, 200, 200, 200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 503];

/** More than any method needs with all its retries; a listing that never ends needs more. */
const MAX_REQUESTS = 100;

describe.each(Object.entries(QUESTIONS))('%s', (_, ask) => {
  it('reads what Bitbucket answers', async () => {
    const { result } = await recordAnswer(ask);
    expect(result).toBeDefined();
    expect(JSON.stringify(result)).not.toMatch(/"unknown"|"failed"/);
  });

  it('survives any other answer, and never treats a success as proof of absence', async () => {
    const { body } = await recordAnswer(ask);
    const answers = fc.record({
      status: fc.constantFrom(...STATUSES),
      headers,
      text: fc.oneof(
        { weight: 6, arbitrary: arbitraryMutation(body).map(toText) },
        { weight: 2, arbitrary: arbitraryMutation(ERROR).map(toText) },
        { weight: 1, arbitrary: hostileValues.map(toText) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
      ),
    });
    await fc.assert(
      fc.asyncProperty(answers, async ({ status, text, ...init }) => {
        let requests = 0;
        const { client, clock } = connect(async () => {
          requests += 1;
          const hasBody = status !== 204;
          return new Response(hasBody ? text : null, { ...init, status });
        });
        const result = await clock.run(ask(client)).catch(toErrorName);
        const told = toText(result);
        expect(requests).toBeLessThan(MAX_REQUESTS);
        expect(told).not.toContain(SECRET);
        if (status === 200) {
          expect(told).not.toMatch(/"kind":"(absent|gone)"|"gone":true/);
        }
        expectNoPollution();
      }),
      { numRuns: Math.ceil(FUZZ_RUNS / 25) },
    );
  });
});

/** Accepts only the documented error, for refused credentials. */
function toErrorName(error: unknown): string {
  if (error instanceof Error && error.name === 'BitbucketServerCredentialsError') {
    return error.name;
  }
  throw error;
}
