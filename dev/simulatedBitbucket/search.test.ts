/** Code search of the simulated server. */
import { readFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { createSimulatedBitbucket, SimulatedBitbucket } from '.';

const FILE = 'catalog-info.yaml';
const USER = { name: 'reader', password: 'secret' };
const FIXTURES = path.resolve(__dirname, '../../../shared/fixtures/search');

const Answer = z.object({
  code: z.object({
    isLastPage: z.boolean(),
    count: z.number(),
    start: z.number(),
    nextStart: z.number().nullable(),
    values: z.array(
      z.object({ file: z.string(), repository: z.object({ slug: z.string() }) }),
    ),
  }),
});

type Options = NonNullable<Parameters<typeof createSimulatedBitbucket>[0]>;

function server(search: Options['search'] = {}): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({ users: [USER], search });
  const add = (slug: string, rest = {}) =>
    bitbucket.addRepository({
      projectKey: slug.startsWith('ops') ? 'OPS' : 'PAY',
      slug,
      files: { [FILE]: 'kind: Component', 'README.md': `# ${slug}` },
      ...rest,
    });
  add('api');
  add('deep', { files: { 'a/b/catalog-info.yaml': '' } });
  add('mentions', { files: { 'README.md': 'See catalog-info.yaml for more.' } });
  add('near', { files: { 'catalog-information.yaml': '', 'info.yaml': '' } });
  add('ops-db');
  add('large', { files: { [FILE]: 'a'.repeat(512 * 1024) } });
  add('old', { archived: true });
  add('branched', { files: { 'README.md': '' }, branches: { other: { [FILE]: '' } } });
  add('fork', { origin: { projectKey: 'PAY', slug: 'api' } });
  return bitbucket;
}

async function ask(bitbucket: SimulatedBitbucket, body: unknown, at = 'latest') {
  const response = await bitbucket.handle(
    new Request(`${bitbucket.baseUrl}/rest/search/${at}/search`, {
      method: 'POST',
      headers: {
        Authorization: `Basic ${btoa(`${USER.name}:${USER.password}`)}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify(body),
    }),
  );
  return { status: response.status, text: await response.text() };
}

const request = (query: string, code: object = {}) => ({ query, entities: { code } });

async function find(bitbucket: SimulatedBitbucket, query: string, code = {}) {
  const { status, text } = await ask(bitbucket, request(query, code));
  expect(status).toBe(200);
  return Answer.parse(JSON.parse(text)).code;
}

const getSlugs = ({ values }: Awaited<ReturnType<typeof find>>) =>
  values.map(({ repository }) => repository.slug).sort();

describe('code search', () => {
  it('finds words in names and contents of small files on default branches', async () => {
    const found = await find(server(), '"catalog-info.yaml"');
    expect(getSlugs(found)).toEqual(['api', 'deep', 'fork', 'mentions', 'ops-db']);
  });

  it.each<[string, string[]]>([
    ['CATALOG-INFO.YAML ext:yaml', ['api', 'deep', 'fork', 'ops-db']],
    ['"catalog info.yaml" project:ops', ['ops-db']],
    ['"catalog-info.yaml" archived:true', ['old']],
    ['"catalog-info.yaml" ext:yaml fork:false', ['api', 'deep', 'ops-db']],
    ['"nothing.yaml"', []],
  ])('accepts %s', async (query, slugs) => {
    expect(getSlugs(await find(server(), query))).toEqual(slugs);
  });

  it('does not show hidden repositories', async () => {
    const bitbucket = server();
    bitbucket.hide(USER.name, 'OPS');
    expect(getSlugs(await find(bitbucket, '"catalog-info.yaml" ext:yaml'))).not.toContain(
      'ops-db',
    );
  });

  it('returns pages by `nextStart`', async () => {
    const bitbucket = server();
    const first = await find(bitbucket, '"catalog-info.yaml" ext:yaml', { limit: 3 });
    expect(first).toMatchObject({ isLastPage: false, count: 4, start: 0, nextStart: 3 });
    const rest = await find(bitbucket, '"catalog-info.yaml" ext:yaml', {
      limit: 3,
      start: 3,
    });
    expect(rest).toMatchObject({ isLastPage: true, count: 4, nextStart: null });
    expect([...getSlugs(first), ...getSlugs(rest)]).toHaveLength(4);
  });

  it('limits the results and their count', async () => {
    const found = await find(server({ maxResults: 2 }), 'catalog', { limit: 500 });
    expect(found).toMatchObject({ count: 2, isLastPage: true });
  });

  it.each<[string, unknown, number]>([
    ['a page that is too large', request('catalog', { limit: 1000 }), 500],
    ['a field that is not known', { ...request('catalog'), more: 1 }, 400],
    ['no term', request('project:PAY'), 400],
    ['a single letter', request('c'), 400],
    ['a query that is too long', request(`catalog ${'a'.repeat(250)}`), 400],
    ['too many expressions', request('aa bb cc dd ee ff gg hh ii jj'), 400],
  ])('refuses %s', async (_, body, status) => {
    expect((await ask(server(), body)).status).toBe(status);
  });

  it('is outdated, with hits on deleted files, until it is indexed again', async () => {
    const bitbucket = server();
    bitbucket.freezeSearchIndex();
    bitbucket.removeFile('PAY', 'api', FILE);
    bitbucket.writeFile('PAY', 'mentions', FILE, '');
    const query = '"catalog-info.yaml" ext:yaml';
    expect(getSlugs(await find(bitbucket, query))).toEqual([
      'api',
      'deep',
      'fork',
      'ops-db',
    ]);
    bitbucket.freezeSearchIndex();
    expect(getSlugs(await find(bitbucket, query))).toContain('mentions');
  });

  it('may exclude forks', async () => {
    const found = await find(
      server({ indexesForks: false }),
      'catalog-info.yaml ext:yaml',
    );
    expect(getSlugs(found)).not.toContain('fork');
  });

  it.each([false, 501, 503] as const)('may be missing: %s', async available => {
    const { status, text } = await ask(server({ available }), request('catalog'));
    expect(status).toBe(available || 404);
    expect(text).toMatch(available ? /errors/ : /<status>/);
  });

  it('is missing unless configured, and otherwise also available under 1.0', async () => {
    const without = createSimulatedBitbucket({ users: [USER] });
    expect((await ask(without, request('catalog'))).status).toBe(404);
    expect((await ask(server(), request('catalog'), '1.0')).status).toBe(200);
  });
});

(existsSync(FIXTURES) ? describe : describe.skip)('the recorded search', () => {
  const recorded = (name: string): unknown =>
    JSON.parse(readFileSync(path.join(FIXTURES, name), 'utf8'));

  it.each(['code-search-request.json', 'code-search-request-with-limits.json'])(
    'is accepted as a request: %s',
    async name => {
      expect((await ask(server(), recorded(name))).status).toBe(200);
    },
  );

  it('has the fields that the simulated answers have', async () => {
    const { text } = await ask(server(), request('catalog', { limit: 1 }));
    const Row = z.object({
      code: z.object({ values: z.array(z.record(z.string(), z.unknown())) }),
    });
    const getKeys = (json: unknown) => {
      const { code } = Row.parse(json);
      return [Object.keys(code).sort(), Object.keys(code.values[0] ?? {}).sort()];
    };
    const answer = recorded('code-search-response-dc9.json');
    expect(getKeys(JSON.parse(text))).toEqual(getKeys(answer));
    expect(Answer.safeParse(answer).success).toBe(true);
  });
});
