/** The script for webhooks that `check` prints, run by a shell against a simulated Bitbucket. */

import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import Ajv from 'ajv';
import { z } from 'zod';
import {
  createSimulatedBitbucket,
  serve,
  ServedBitbucket,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import { runCommand } from './__testUtils__/runCommand';
import { webhookScript } from './webhookScript';

const run = promisify(execFile);

const isRunnable = spawnSync('sh', ['-c', 'curl --version']).status === 0;
if (!isRunnable) {
  console.warn(
    'NOT CHECKED: the script for webhooks, because there is no sh or no curl.',
  );
}
const withCurl = isRunnable ? describe : describe.skip;

const DOCUMENT = path.resolve(
  __dirname,
  '../../../shared/fixtures/bitbucket-dc-10.0.swagger.v3.json',
);
const RECEIVER = 'https://backstage.test/ui/api/events/http/bitbucketServer';
const ADMIN = { name: 'admin', token: 'admin-token', permission: 'REPO_ADMIN' } as const;
const READER = { name: 'reader', token: 'reader-token' };

const Webhooks = z.object({
  values: z.array(
    z.looseObject({
      url: z.string(),
      active: z.boolean(),
      events: z.array(z.string()),
      configuration: z.object({ secret: z.string() }),
    }),
  ),
});

let served: ServedBitbucket | undefined;
afterEach(() => served?.close());

async function start(
  options: SimulatedBitbucketOptions = {},
): Promise<SimulatedBitbucket> {
  const users = [TEST_USER, ADMIN, READER];
  const bitbucket = createSimulatedBitbucket({ users, ...options });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'web' });
  bitbucket.addRepository({ projectKey: 'OPS', slug: 'tools' });
  bitbucket.addRepository({ projectKey: 'OLD', slug: 'left-out' });
  served = await serve(bitbucket);
  return bitbucket;
}

/** What `check` prints about webhooks, without its indentation. */
async function getAdvice(bitbucket: SimulatedBitbucket, baseUrl?: string) {
  const app = appConfigFor({
    bitbucket,
    config: { filters: { exclude: { projectKey: '^OLD$' } } },
  });
  const appConfig = baseUrl ? { ...app, backend: { baseUrl } } : app;
  const { stdout, exitCode } = await runCommand(['check'], { bitbucket, appConfig });
  expect(exitCode).toBe(0);
  const [, advice = ''] =
    /^ +ok +Webhooks: ([^]*?)\n\n(?=\S|Discovery)/m.exec(stdout) ?? [];
  return { stdout, advice, script: advice.slice(advice.indexOf('api=')) };
}

function execute(script: string, env: Readonly<Record<string, string>>) {
  return run('sh', ['-c', script], { env: { PATH: process.env.PATH, ...env } });
}

async function getWebhooks(bitbucket: SimulatedBitbucket, projectKey: string) {
  const url = `${bitbucket.baseUrl}/rest/api/latest/projects/${projectKey}/webhooks`;
  const headers = { authorization: `Bearer ${ADMIN.token}` };
  return Webhooks.parse(await (await fetch(url, { headers })).json()).values;
}

withCurl('the script for webhooks', () => {
  const env = { BITBUCKET_ADMIN_TOKEN: ADMIN.token, BITBUCKET_WEBHOOK_SECRET: 's3cret' };

  it.each([
    ['at the root', 'http://bitbucket.test'],
    ['under a context path', 'http://bitbucket.test/bitbucket'],
  ])(
    'adds a webhook to each project that passes the filters, once, on a server %s',
    async (_, baseUrl) => {
      const bitbucket = await start({ baseUrl });
      const { script } = await getAdvice(bitbucket, 'https://backstage.test/ui');

      const first = await execute(script, env);
      const second = await execute(script, env);

      expect(first).toEqual({ stdout: 'OPS: created\nPAY: created\n', stderr: '' });
      expect(second).toEqual({ stdout: 'OPS: has one\nPAY: has one\n', stderr: '' });
      for (const key of ['PAY', 'OPS']) {
        expect(await getWebhooks(bitbucket, key)).toMatchObject([
          {
            name: 'Backstage',
            url: RECEIVER,
            active: true,
            events: [
              'repo:refs_changed',
              'repo:modified',
              'repo:forked',
              'project:modified',
            ],
            configuration: { secret: 's3cret' },
          },
        ]);
      }
      expect(await getWebhooks(bitbucket, 'OLD')).toEqual([]);
    },
  );

  it('sends what the OpenAPI document of Bitbucket 10.0 describes, if it is present', async () => {
    const bitbucket = await start();
    const { script } = await getAdvice(bitbucket);
    await execute(script, env);
    const [created] = await getWebhooks(bitbucket, 'PAY');
    if (!existsSync(DOCUMENT)) {
      console.warn(
        'NOT CHECKED: webhooks against the OpenAPI document: it is not there.',
      );
      return;
    }
    const document: object = JSON.parse(readFileSync(DOCUMENT, 'utf8'));
    const ajv = new Ajv({ strict: false });
    ajv.addSchema({ ...document, $id: 'bitbucket' });
    const schema = { $ref: 'bitbucket#/components/schemas/RestWebhook' };
    expect(ajv.validate(schema, created)).toBe(true);
    expect(document).toHaveProperty([
      'paths',
      '/api/latest/projects/{projectKey}/webhooks',
      'post',
    ]);
  });

  it('names the projects without a new webhook, and continues', async () => {
    const bitbucket = await start();
    const { script } = await getAdvice(bitbucket);

    const { stdout, stderr } = await execute(script, {
      ...env,
      BITBUCKET_ADMIN_TOKEN: READER.token,
    });

    expect(stdout).toBe('OPS: not created\nPAY: not created\n');
    expect(stderr).toContain('401');
    expect(await getWebhooks(bitbucket, 'PAY')).toEqual([]);
  });

  it('contains no credentials and no secret from the configuration', async () => {
    const { stdout } = await getAdvice(await start());
    expect(stdout).not.toContain(TEST_USER.password);
    expect(stdout).toContain('BITBUCKET_ADMIN_TOKEN');
    expect(stdout).toContain('https://backstage.example.com/api/events');
  });

  it('is not printed for a server without webhooks for projects', async () => {
    const { advice } = await getAdvice(await start({ version: '8.7.1' }));
    expect(advice).toMatch(/^Bitbucket 8\.7\.1 has no webhooks for projects/);
    expect(advice).not.toContain('curl');
  });
});

describe('webhookScript', () => {
  const apiBaseUrl = "https://bitbucket.test/it's/rest/api/1.0/";

  it('skips personal projects and keys with characters that a shell could interpret', () => {
    const projectKeys = ['~jdoe', 'PAY', 'A;rm -rf', '$(reboot)', "O'X", 'A B', 'PAY'];
    const script = webhookScript({ projectKeys, apiBaseUrl });

    expect(script).toContain('for key in PAY; do');
    expect(script).toContain(
      String.raw`api='https://bitbucket.test/it'\''s/rest/api/latest/projects'`,
    );
  });

  it('returns nothing if no project is left', () => {
    expect(webhookScript({ projectKeys: ['~jdoe'], apiBaseUrl })).toBeUndefined();
  });

  it('returns the script that the documentation shows', () => {
    const script = webhookScript({
      projectKeys: ['PAY', 'SHOP'],
      apiBaseUrl: 'https://bitbucket.example.com/rest/api/1.0',
      backstageUrl: 'https://backstage.example.com',
    });
    const documented = readFileSync(
      path.resolve(__dirname, '../../docs/webhooks.md'),
      'utf8',
    );

    expect(documented).toContain(`\n\`\`\`bash\n${script}\n\`\`\`\n`);
  });

  it('names every project, on lines of readable length', () => {
    const projectKeys = Array.from({ length: 25 }, (_, index) => `P${index}`);
    const script = webhookScript({ projectKeys, apiBaseUrl });

    expect(script).toContain('P9 \\\n  P10 ');
    expect(script).toContain('\n  P20 P21 P22 P23 P24; do');
  });
});
