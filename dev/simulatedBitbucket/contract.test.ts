/**
 * Checks every answer of the simulator against Atlassian's OpenAPI document of Bitbucket Data
 * Center 10.0, where that is available; it is not part of this repository.
 *
 * Atlassian marks `links` and other properties "writeOnly" although servers send them: only the
 * types of properties are taken from the schemas, and additional properties are listed here.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { createSimulatedBitbucket } from './index';
import { routes } from './routes';
import { ask } from './testSupport';

const DOCUMENT = path.resolve(
  __dirname,
  '../../../shared/fixtures/bitbucket-dc-10.0.swagger.v3.json',
);
const present = existsSync(DOCUMENT);
if (!present) {
  console.warn(
    `NOT CHECKED: the simulated Bitbucket's answers against Atlassian's OpenAPI document, because ${path.basename(DOCUMENT)} is not there.`,
  );
}
const describeWithFixtures = present ? describe : describe.skip;

interface Schema {
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  [key: string]: unknown;
}

interface Operation {
  parameters?: { name: string; in: string }[];
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}

interface OpenApiDocument {
  paths: Record<string, { get?: Operation }>;
  components: { schemas: Record<string, Schema> };
}

/** Properties that recorded answers have but the document lacks. */
const RECORDED: Record<string, Record<string, Schema>> = {
  RestBranch: { isDefault: { type: 'boolean' } },
  RestProject: { owner: { type: 'object' } },
  RestErrorMessage: { context: { type: ['string', 'null'] } },
};

/** Query parameters that work but that the document lacks: lines, children and labels are paged. */
const UNDOCUMENTED_PAGING = ['start', 'limit'];

const REPOSITORY = '/projects/PAY/repos/api';
const TEMPLATE = '/api/latest/projects/{projectKey}/repos/{repositorySlug}';

const LABELS = `${TEMPLATE}/labels`;

/** The schemas of pages where the document shows a single item. */
const PAGES_OF: Record<string, string> = { [LABELS]: '/api/latest/labels' };

/** One or more requests per route: template, path, status. */
const CASES: [template: string, path: string, status: number][] = [
  ['/api/latest/repos', '/repos?limit=2&archived=ALL', 200],
  ['/api/latest/repos', '/repos?archived=SOME', 400],
  ['/api/latest/projects', '/projects', 200],
  ['/api/latest/projects/{projectKey}', '/projects/PAY', 200],
  ['/api/latest/projects/{projectKey}', '/projects/~jdoe', 200],
  ['/api/latest/projects/{projectKey}', '/projects/NO', 404],
  ['/api/latest/projects/{projectKey}', '/projects/HIDDEN', 401],
  ['/api/latest/projects/{projectKey}/repos', '/projects/PAY/repos', 200],
  ['/api/latest/projects/{projectKey}/repos', '/projects/NO/repos', 404],
  [TEMPLATE, REPOSITORY, 200],
  [TEMPLATE, '/projects/~jdoe/repos/fork', 200],
  [TEMPLATE, '/projects/PAY/repos/no', 404],
  [TEMPLATE, '/projects/HIDDEN/repos/x', 401],
  [`${TEMPLATE}/browse`, `${REPOSITORY}/browse`, 200],
  [`${TEMPLATE}/browse`, '/projects/PAY/repos/empty/browse', 404],
  [`${TEMPLATE}/browse/{path}`, `${REPOSITORY}/browse/a.md?type=true`, 200],
  [`${TEMPLATE}/browse/{path}`, `${REPOSITORY}/browse/a.md`, 200],
  [`${TEMPLATE}/browse/{path}`, `${REPOSITORY}/browse/no?type=true`, 404],
  [`${TEMPLATE}/files`, `${REPOSITORY}/files`, 200],
  [`${TEMPLATE}/files`, `${REPOSITORY}/files?at=no`, 404],
  [`${TEMPLATE}/files/{path}`, `${REPOSITORY}/files/docs`, 200],
  [`${TEMPLATE}/files/{path}`, `${REPOSITORY}/files/a.md`, 400],
  [`${TEMPLATE}/raw/{path}`, `${REPOSITORY}/raw/no`, 404],
  [`${TEMPLATE}/default-branch`, `${REPOSITORY}/default-branch`, 200],
  [`${TEMPLATE}/branches/default`, `${REPOSITORY}/branches/default`, 200],
  [`${TEMPLATE}/branches/default`, '/projects/PAY/repos/missing/branches/default', 404],
  [`${TEMPLATE}/branches`, `${REPOSITORY}/branches`, 200],
  [`${TEMPLATE}/commits`, `${REPOSITORY}/commits?until=next&limit=1`, 200],
  [`${TEMPLATE}/commits`, `${REPOSITORY}/commits?until=no`, 404],
  [`${TEMPLATE}/commits/{commitId}`, `${REPOSITORY}/commits/main`, 200],
  [`${TEMPLATE}/commits/{commitId}`, `${REPOSITORY}/commits/no`, 404],
  [`${TEMPLATE}/compare/changes`, `${REPOSITORY}/compare/changes?from=main&to=next`, 200],
  [`${TEMPLATE}/compare/changes`, `${REPOSITORY}/compare/changes?from=no`, 404],
  [LABELS, `${REPOSITORY}/labels`, 200],
  [LABELS, '/projects/PAY/repos/no/labels', 404],
  [LABELS, '/projects/HIDDEN/repos/x/labels', 401],
  ['/api/latest/labels/{labelName}/labeled', '/labels/service/labeled', 200],
  [
    '/api/latest/labels/{labelName}/labeled',
    '/labels/service/labeled?type=REPOSITORY&limit=1',
    200,
  ],
  ['/api/latest/labels/{labelName}/labeled', '/labels/service/labeled?type=PERSON', 400],
  ['/api/latest/labels/{labelName}/labeled', '/labels/no/labeled', 404],
  ['/api/latest/projects/{projectKey}/webhooks', '/projects/PAY/webhooks', 401],
  ['/api/latest/projects/{projectKey}/webhooks', '/projects/NO/webhooks', 404],
  ['/api/latest/profile/recent/repos', '/profile/recent/repos', 200],
  ['/api/latest/application-properties', '/application-properties', 200],
  ['/api/latest/admin/rate-limit/settings', '/admin/rate-limit/settings', 200],
  [
    '/api/latest/admin/rate-limit/settings/users/{userSlug}',
    '/admin/rate-limit/settings/users/bot',
    200,
  ],
  [
    '/api/latest/admin/rate-limit/settings/users/{userSlug}',
    '/admin/rate-limit/settings/users/jdoe',
    401,
  ],
];

function createServer() {
  const simulated = createSimulatedBitbucket({
    rateLimit: { capacity: 1000, fillRate: 5 },
    users: [
      { name: 'bot', token: 'secret', hiddenProjects: ['HIDDEN'] },
      { name: 'jdoe' },
    ],
  });
  const files = { 'a.md': 'a\nb\n', 'docs/b.md': 'b' };
  const api = { projectKey: 'PAY', slug: 'api' };
  const branches = { next: { 'moved.md': 'a\nb\n', 'new.md': 'new' } };
  simulated.addRepository({
    ...api,
    files,
    branches,
    labels: ['service'],
    description: 'An API',
  });
  simulated.addRepository({ projectKey: 'PAY', slug: 'empty', empty: true });
  simulated.addRepository({
    projectKey: 'PAY',
    slug: 'missing',
    defaultBranch: 'missing',
  });
  simulated.addRepository({ projectKey: '~jdoe', slug: 'fork', origin: api });
  simulated.addRepository({ projectKey: 'HIDDEN', slug: 'x' });
  return simulated;
}

/** Forbids undocumented properties, apart from `toString` of paths, which is recorded. */
function close(schema: Schema): void {
  if (schema.properties && Object.keys(schema.properties).length > 0) {
    schema.additionalProperties = false;
    if ('components' in schema.properties) {
      Object.assign(schema.properties, { toString: { type: 'string' } });
    }
    if (schema.properties.key && schema.properties.avatarUrl) {
      Object.assign(schema.properties, RECORDED.RestProject);
    }
  }
  for (const value of Object.values(schema)) {
    for (const part of [value].flat()) {
      if (typeof part === 'object' && part !== null) {
        close(part as Schema);
      }
    }
  }
}

function readDocument(): OpenApiDocument {
  const document = JSON.parse(readFileSync(DOCUMENT, 'utf8')) as OpenApiDocument;
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    Object.assign(schema.properties ?? {}, RECORDED[name]);
    close(schema);
  }
  return document;
}

it('this suite requests every route at least once', () => {
  const asked = new Set(CASES.map(([template]) => template));
  expect([...asked].sort()).toEqual([...new Set(routes.map(r => r.template))].sort());
});

describeWithFixtures('against the OpenAPI document of Bitbucket Data Center 10.0', () => {
  const document = present ? readDocument() : { paths: {}, components: { schemas: {} } };
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
  ajv.addSchema({ ...document, $id: 'bitbucket' });
  const simulated = createServer();

  const findOperation = (template: string) => document.paths[template]?.get;

  it.each(routes.map(route => [route.template, route.query] as const))(
    'documents %s with each supported parameter',
    (template, query) => {
      const parameters = findOperation(template)?.parameters ?? [];
      const documented = parameters.filter(p => p.in === 'query').map(p => p.name);
      const isPaged = template.includes('/browse') || template === LABELS;
      const known = isPaged ? [...documented, ...UNDOCUMENTED_PAGING] : documented;
      expect(findOperation(template)).toBeDefined();
      expect(known).toEqual(expect.arrayContaining([...query]));
    },
  );

  it.each(CASES)(
    'documents the answer of %s to %s: %i',
    async (template, request, status) => {
      const answer = await ask(simulated, request);
      expect(answer.status).toBe(status);
      const shape = status === 200 ? (PAGES_OF[template] ?? template) : template;
      const content = findOperation(shape)?.responses[status]?.content;
      expect(content).toBeDefined();
      const [mediaType, { schema } = {}] = Object.entries(content ?? {})[0] ?? [];
      expect(answer.headers.get('content-type')).toContain(mediaType?.split(';')[0]);
      expect(answer.json).toBeDefined();
      if (!schema) {
        expect(template).toContain('/browse');
        return;
      }
      const pointer = [
        'paths',
        shape,
        'get',
        'responses',
        `${status}`,
        'content',
        mediaType,
      ]
        .map(part =>
          encodeURIComponent(`${part}`.replace(/~/g, '~0').replace(/\//g, '~1')),
        )
        .join('/');
      const validate = ajv.compile({ $ref: `bitbucket#/${pointer}/schema` });
      validate(answer.json);
      expect(validate.errors ?? []).toEqual([]);
    },
  );

  it('documents that /branches/default may answer 204', async () => {
    const template = `${TEMPLATE}/branches/default`;
    const answer = await ask(simulated, '/projects/PAY/repos/empty/branches/default');
    expect(answer.status).toBe(204);
    expect(findOperation(template)?.responses).toHaveProperty('204');
  });
});
