import { createLogRecorder } from '../../src/__testUtils__/testProvider';
import { BitbucketServerClient } from '../../src';
import { parseMetadata } from './repositoryMetadata';

const HOST = 'git.example.com';
const MISSING = {
  errors: [{ exceptionName: 'com.atlassian.bitbucket.content.NoSuchPathException' }],
};

/** What becomes of a repository where Bitbucket gives this answer for its file. */
async function parse(
  answer: Response,
  { projectKey = 'PAY', slug = 'api', branch }: Record<string, string | undefined> = {},
) {
  const asked: string[] = [];
  const entities = parseMetadata({
    branch,
    client: new BitbucketServerClient({
      config: { host: HOST, apiBaseUrl: `https://${HOST}/rest/api/1.0` },
      fetchApi: async url => {
        asked.push(url);
        return answer;
      },
    }),
    config: {
      id: 'default',
      host: HOST,
      catalogPaths: [],
      validateLocationsExist: false,
    },
    location: { type: 'url', target: `https://${HOST}/x`, presence: 'optional' },
    logger: createLogRecorder(),
    path: 'catalog-info.yaml',
    repository: {
      id: 1,
      project: { key: projectKey },
      slug,
      name: slug,
      description: '',
      links: { self: [] },
      archived: false,
      public: false,
      fork: false,
    },
  });
  const names: string[] = [];
  for await (const { kind, metadata } of entities) {
    names.push(`${kind} ${metadata.name}`);
  }
  return { asked, names };
}

const missing = () => Response.json(MISSING, { status: 404 });

describe('a Component made of metadata', () => {
  it.each([
    ['PAY', 'api', 'pay-api'],
    ['~jdoe', 'dot.files', 'jdoe-dot.files'],
    ['PAY', 'a'.repeat(100), `pay-${'a'.repeat(59)}`],
    ['PAY', `${'a'.repeat(58)}-b`, `pay-${'a'.repeat(58)}`],
  ])('of %s/%s has a name that the catalog takes', async (projectKey, slug, name) => {
    const { names } = await parse(missing(), { projectKey, slug });

    expect(names).toEqual([`Component ${name}`]);
  });

  it('is made by what the configured branch has', async () => {
    const { asked } = await parse(missing(), { branch: 'release' });

    expect(asked).toEqual([expect.stringContaining('at=refs%2Fheads%2Frelease')]);
  });

  it.each([
    ['404 of something else than Bitbucket', 404],
    ['a refusal', 403],
    ['a failure', 500],
  ])('is not made where the answer is %s', async (_, status) => {
    const answer = new Response('<html>', { status });

    await expect(parse(answer)).rejects.toThrow(/Bitbucket answered/);
  });
});
