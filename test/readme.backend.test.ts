/**
 * The guide in a real backend: the installed features start with the documented configuration,
 * and each `curl` command is sent and answered as documented.
 */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { mockCredentials, mockServices } from '@backstage/backend-test-utils';
import { eventsServiceFactory } from '@backstage/plugin-events-node';
import { JsonObject } from '@backstage/types';
import ts from 'typescript';
import { componentYaml } from '../dev/seed';
import { serve, SimulatedBitbucket } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { OpenApiContract } from '../src/__testUtils__/openApiContract';
import {
  createReadmeBitbucket,
  pushToInvoiceService,
} from './__testUtils__/readmeBitbucket';
import { CurlCommand, readmeCommands } from './__testUtils__/readmeCommands';
import {
  getBlocks,
  configExamples,
  EXAMPLE_BACKSTAGE,
  EXAMPLE_ENV,
  EXAMPLE_HOST,
  installedPackages,
  loadFeature,
  GUIDE,
  readManifest,
  ROOT,
} from './__testUtils__/readmeText';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';

const REPORT = '/api/catalog/bitbucket-server';
const REFRESH = 'POST /api/catalog/refresh';
const ONE = `GET ${REPORT}/discoveries/default/repositories/PAY/invoice-service`;
const UNKNOWN = `GET ${REPORT}/discoveries/default/repositories?outcome=unknown&limit=100`;
const ERRORS = `GET ${REPORT}/discoveries/default/repositories?errors=true`;
const CONFLICTS = `GET ${REPORT}/discoveries/default/repositories?conflicts=true`;
const ALL = `GET ${REPORT}/discoveries`;
const DEFAULT = `GET ${REPORT}/discoveries/default`;
const APPROVE = `POST ${REPORT}/discoveries/default/removals/approve`;

/** The requirements of the script besides a shell. */
const canSign = ['curl', 'openssl'].every(
  program => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined,
);
if (!canSign) {
  process.stderr.write(
    'NOT CHECKED: the test of a signature, without curl and openssl.\n',
  );
}

const contract = new OpenApiContract(path.join(ROOT, 'docs/report.openapi.yaml'));

/** The curl lines of the guide by method and path. */
const curls = new Map(
  readmeCommands()
    .flatMap(command => (command.kind === 'curl' ? [command] : []))
    .map(command => [
      `${command.method} ${command.url.replace(EXAMPLE_BACKSTAGE, '')}`,
      command,
    ]),
);

describe('the backend.add lines of the guide', () => {
  it('install this package and the events plugin', () => {
    const { name } = readManifest();

    expect(installedPackages()).toEqual([
      name,
      '@backstage/plugin-events-backend',
      `${name}/events`,
      `${name}/url-reader`,
    ]);
    const others = getBlocks('ts')
      .join('')
      .split(';')
      .filter(
        statement => statement.trim() !== '' && !statement.includes('backend.add('),
      );
    expect(others).toEqual([]);
  });

  it('type-check in the index of a backend, as the demo does', () => {
    const index = path.join(ROOT, 'readme-backend-index.ts');
    const text = [
      "import { createBackend } from '@backstage/backend-defaults';",
      'const backend = createBackend();',
      ...getBlocks('ts'),
      'backend.start();',
    ].join('\n');

    expect(typeErrors(path.join(ROOT, 'dev/index.ts'), { [index]: text })).toEqual([]);
  }, 120_000);

  it('do not type-check with a missing package or entry point', () => {
    const index = path.join(ROOT, 'readme-wrong-index.ts');
    const text = `export const a = import('${readManifest().name}/nothing');`;

    expect(typeErrors(index, { [index]: text })).toEqual([
      expect.stringContaining('Cannot find module'),
    ]);
  }, 120_000);
});

describe('a backend with the setup of the guide', () => {
  let bitbucket: SimulatedBitbucket;
  let backend: TestBackend;
  let closeBitbucket: () => Promise<void>;

  beforeAll(async () => {
    bitbucket = createReadmeBitbucket();
    const served = await serve(bitbucket);
    closeBitbucket = () => served.close();
    backend = await startBackend({
      config: configFor(bitbucket),
      features: [
        ...installedPackages().map(loadFeature),
        // The test backend's own service does not pass events between plugins.
        eventsServiceFactory,
        // Requests without credentials are anonymous, as in production.
        mockServices.httpAuth.factory({ defaultCredentials: mockCredentials.none() }),
      ],
    });
    await eventually(async () => {
      expect(await send(ERRORS)).toMatchObject({ items: [], totalItems: 0 });
      expect(await send(ALL)).toMatchObject({ items: [{ status: 'succeeded' }] });
    });
  }, 60_000);

  afterAll(async () => {
    await backend.stop();
    await closeBitbucket();
  });

  /** Sends a curl command of the guide to the test backend; the answer has to be a success. */
  async function send(name: string): Promise<unknown> {
    const command = curls.get(name);
    if (!command) {
      throw new Error(`the guide has no ${name}: ${[...curls.keys()].join(', ')}`);
    }
    const { status, body } = await exchange(backend, command);
    expect([name, status]).toEqual([name, 200]);
    return body;
  }

  it('answers each curl line of the guide', () => {
    expect([...curls.keys()].sort()).toEqual(
      [REFRESH, ONE, UNKNOWN, ERRORS, CONFLICTS, ALL, DEFAULT, APPROVE].sort(),
    );
  });

  it('refuses the same lines without the token', async () => {
    for (const command of curls.values()) {
      const headers = { 'Content-Type': 'application/json' };
      const response = await fetch(backendUrl(backend, command), {
        method: command.method,
        headers,
        body: command.body,
      });
      expect(response.status).toBe(401);
    }
  });

  it('explains why a repository is missing, or that it is not', async () => {
    expect(await send(ONE)).toMatchObject({
      projectKey: 'PAY',
      repositorySlug: 'invoice-service',
      outcome: 'registered',
      files: [{ path: 'catalog-info.yaml' }],
    });
    expect(await send(UNKNOWN)).toMatchObject({
      items: [
        {
          repositorySlug: 'being-imported',
          outcome: 'unknown',
          reason: 'not-available',
          cause: expect.any(String),
          remedy: expect.any(String),
        },
      ],
      totalItems: 1,
      limit: 100,
    });
    expect(await send(ALL)).toMatchObject({
      items: [{ providerId: 'default', summary: { registered: 2, unknown: 1 } }],
    });
  });

  it('has the Location that represents the discovery', async () => {
    const [, name = ''] = /\bLocation\s+`(bitbucket-server-[^`]+)`/.exec(GUIDE) ?? [];
    const url = `${backend.baseUrl}/api/catalog/entities/by-name/location/default/${name}`;

    await eventually(async () => {
      const headers = { Authorization: mockCredentials.user.header() };
      expect((await fetch(url, { headers })).status).toBe(200);
    });
  });

  it('accepts signed webhooks with 202 at the URL of the guide and refuses others with 403', async () => {
    const [url = ''] =
      /https:\/\/backstage\.example\.com\/api\/events[^`]*/.exec(GUIDE) ?? [];
    const target = url.replace(EXAMPLE_BACKSTAGE, backend.baseUrl);
    const post = async ({ headers, body }: ReturnType<SimulatedBitbucket['webhook']>) => {
      const response = await fetch(target, {
        method: 'POST',
        headers: { ...headers },
        body,
      });
      return response.status;
    };
    const secret = EXAMPLE_ENV.BITBUCKET_WEBHOOK_SECRET;
    const before = countChecks(bitbucket);

    expect(await post(pushToInvoiceService(bitbucket))).toBe(403);
    expect(await post(pushToInvoiceService(bitbucket, 'another-secret'))).toBe(403);
    await sleep(1_000);
    expect(countChecks(bitbucket)).toBe(before);
    expect(await post(bitbucket.webhook('diagnostics:ping', {}))).toBe(202);
    expect(await post(pushToInvoiceService(bitbucket, secret))).toBe(202);
    await eventually(async () => expect(countChecks(bitbucket)).toBe(before + 1));
  });

  (canSign ? it : it.skip)(
    'answers the script that tests the signature 202 with its secret and 403 with another',
    async () => {
      const answerTo = (secret: string) => runSignatureScript(backend, { secret });

      expect(await answerTo(EXAMPLE_ENV.BITBUCKET_WEBHOOK_SECRET ?? '')).toBe('202');
      expect(await answerTo('another-secret')).toBe('403');
    },
  );

  (canSign ? it : it.skip)(
    'checks the repository of a saved push that the same script sends as documented',
    async () => {
      const [body = '', key = ''] =
        /use `(body=[^`]+)` and\s+`(X-Event-Key: [^`]+)`/.exec(GUIDE)?.slice(1) ?? [];
      const cwd = await mkdtemp(path.join(tmpdir(), 'readme-push-'));
      try {
        const push = pushToInvoiceService(bitbucket);
        await writeFile(path.join(cwd, 'push.json'), `${push.body}\n`);
        const before = countChecks(bitbucket);

        const answer = await runSignatureScript(backend, {
          secret: EXAMPLE_ENV.BITBUCKET_WEBHOOK_SECRET,
          cwd,
          adapt: script =>
            script.replace(/^body=.*$/m, () => body).replace(/X-Event-Key: [\w:]+/, key),
        });

        expect(answer).toBe('202');
        await eventually(async () => expect(countChecks(bitbucket)).toBe(before + 1));
      } finally {
        await rm(cwd, { recursive: true });
      }
    },
  );

  it('runs discovery on demand, holds back a mass removal and carries it out once approved', async () => {
    for (const [key, slug] of [
      ['PAY', 'invoice-service'],
      ['BILLING', 'ledger'],
    ] as const) {
      bitbucket.removeFile(key, slug, 'catalog-info.yaml');
    }
    const isHeldBack = {
      approved: false,
      targetUrl: expect.stringContaining('/browse/'),
    };

    await send(REFRESH);

    await eventually(async () => {
      expect(await send(DEFAULT)).toMatchObject({
        status: 'succeeded',
        trigger: 'manual',
        summary: { heldBack: 2 },
        heldRemovals: [isHeldBack, isHeldBack],
      });
    });
    expect(await getLocations(backend)).toHaveLength(2);
    expect(await send(APPROVE)).toEqual({ approved: 2 });
    await eventually(async () => expect(await getLocations(backend)).toEqual([]));
    const released = { ...isHeldBack, approved: true };
    expect(await send(DEFAULT)).toMatchObject({ heldRemovals: [released, released] });
  });

  it('names both repositories that contain the same entity', async () => {
    expect(await send(CONFLICTS)).toMatchObject({ items: [], totalItems: 0 });
    for (const [key, slug] of [
      ['PAY', 'invoice-service'],
      ['BILLING', 'ledger'],
    ] as const) {
      const content = componentYaml('same-name', 'a service');
      bitbucket.writeFile(key, slug, 'catalog-info.yaml', content);
    }

    await send(REFRESH);

    await eventually(async () => {
      const conflicts = [{ kind: 'entity', entityRef: 'component:default/same-name' }];
      expect(await send(CONFLICTS)).toMatchObject({
        items: [
          { repositorySlug: 'ledger', conflicts },
          { repositorySlug: 'invoice-service', conflicts },
        ],
      });
    });
    expect(await send(DEFAULT)).toMatchObject({ summary: { conflicts: 1 } });
  });
});

describe('a backend with the events feature but without its secret', () => {
  it('does not start', async () => {
    const features = installedPackages().slice(1).map(loadFeature);

    await expect(startBackend({ config: {}, features })).rejects.toThrow(
      /events\.modules\.bitbucketServer\.webhookSecret/,
    );
  });
});

/** The first example and the one about events, where Bitbucket is the simulated one. */
function configFor(bitbucket: SimulatedBitbucket): JsonObject {
  const examples = configExamples();
  const [first = {}] = examples;
  const events = examples.find(example => example.events !== undefined)?.events;
  const text = JSON.stringify({ ...first, ...(events !== undefined && { events }) })
    .replaceAll(`https://${EXAMPLE_HOST}`, bitbucket.baseUrl)
    .replaceAll(EXAMPLE_HOST, new URL(bitbucket.baseUrl).host);
  const config: { events?: JsonObject } & JsonObject = JSON.parse(text);
  // One process needs no bus, and polling the bus would delay its shutdown.
  return { ...config, events: { ...config.events, useEventBus: 'never' } };
}

/** The number of requests so far that check whether a catalog file exists. */
function countChecks(bitbucket: SimulatedBitbucket): number {
  return bitbucket.requests.filter(request => /type=true/.test(request.path)).length;
}

/** @returns the output of the script that sends a signed webhook: the status of the answer */
async function runSignatureScript(
  backend: TestBackend,
  {
    secret,
    cwd,
    adapt = script => script,
  }: { secret?: string; cwd?: string; adapt?: (script: string) => string },
): Promise<string> {
  const script = getBlocks('bash').find(text => text.includes('X-Hub-Signature')) ?? '';
  const env = {
    ...process.env,
    BITBUCKET_WEBHOOK_SECRET: secret,
    BACKSTAGE_URL: backend.baseUrl,
  };
  const { stdout } = await promisify(execFile)('bash', ['-c', adapt(script)], {
    cwd,
    env,
  });
  return stdout.trim();
}

function backendUrl(backend: TestBackend, { url }: CurlCommand): string {
  return url.replace(EXAMPLE_BACKSTAGE, backend.baseUrl);
}

/** Sends the request of a curl command as a user, and checks reports against their OpenAPI document. */
async function exchange(backend: TestBackend, command: CurlCommand) {
  const { method, headers, body: sent } = command;
  expect(headers.Authorization).toBe('Bearer the-token');
  const url = backendUrl(backend, command);
  const response = await fetch(url, {
    method,
    headers: { ...headers, Authorization: mockCredentials.user.header() },
    body: sent,
  });
  const text = await response.text();
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  const [, below] = url.split(REPORT);
  if (below !== undefined) {
    contract.check({ method, path: below, status: response.status, body });
  }
  return { status: response.status, body };
}

async function getLocations(backend: TestBackend): Promise<unknown> {
  const filter = 'kind=location,spec.presence=required';
  const response = await fetch(
    `${backend.baseUrl}/api/catalog/entities?filter=${filter}`,
    {
      headers: { Authorization: mockCredentials.user.header() },
    },
  );
  return response.json();
}

/** Returns the compiler's errors for files, some of which exist only in memory. */
function typeErrors(root: string, files: Readonly<Record<string, string>>): string[] {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const checked: ts.CompilerOptions = {
    ...options,
    noEmit: true,
    emitDeclarationOnly: false,
  };
  const host = ts.createCompilerHost(checked);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = name => name in files || fileExists(name);
  host.readFile = name => files[name] ?? readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const text = files[name];
    return text === undefined
      ? getSourceFile(name, ...rest)
      : ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
  };
  const roots = [...new Set([root, ...Object.keys(files)])];
  const program = ts.createProgram(roots, checked, host);
  return roots
    .map(name => program.getSourceFile(name))
    .flatMap(source => ts.getPreEmitDiagnostics(program, source))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
