import { createLogRecorder } from '../../src/__testUtils__/testProvider';
import { BitbucketServerClient } from '../../src';
import { parseMetadata } from './repositoryMetadata';

const HOST = 'git.example.com';
const MISSING = {
  errors: [{ exceptionName: 'com.atlassian.bitbucket.content.NoSuchPathException' }],
};

/** Parses a repository for whose file Bitbucket returns this answer. */
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

describe('a Component from repository metadata', () => {
  it.each([
    ['PAY', 'api', 'pay-api'],
    ['~jdoe', 'dot.files', 'jdoe-dot.files'],
    ['PAY', 'a'.repeat(100), `pay-${'a'.repeat(59)}`],
    ['PAY', `${'a'.repeat(58)}-b`, `pay-${'a'.repeat(58)}`],
  ])('has a valid entity name for %s/%s', async (projectKey, slug, name) => {
    const { names } = await parse(missing(), { projectKey, slug });

    expect(names).toEqual([`Component ${name}`]);
  });

  it('depends on the file on the configured branch', async () => {
    const { asked } = await parse(missing(), { branch: 'release' });

    expect(asked).toEqual([expect.stringContaining('at=refs%2Fheads%2Frelease')]);
  });

  it.each([
    ['a 404 that is not from Bitbucket', 404],
    ['a refusal', 403],
    ['a failure', 500],
  ])('is not created where the answer is %s', async (_, status) => {
    const answer = new Response('<html>', { status });

    await expect(parse(answer)).rejects.toThrow(/Bitbucket answered/);
  });
});
