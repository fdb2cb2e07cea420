import { locationSpecToLocationEntity } from '@backstage/plugin-catalog-node';
import { toParsedFile } from './createFileParser';

const PAGE = 'https://git.example.com/projects/PAY/repos/api/browse';
const FILE = {
  path: 'catalog-info.yaml',
  targetUrl: `${PAGE}/catalog-info.yaml`,
  presence: 'required',
} as const;
const REPOSITORY = { projectKey: 'PAY', slug: 'api' };
const COMPONENT = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'api' },
};

function parsed(yielded: unknown): unknown {
  return JSON.parse(toParsedFile(yielded, FILE, REPOSITORY).entity?.json ?? 'null');
}

describe('an entity from a location parser', () => {
  it('is identified by its entity ref, and keeps its file', () => {
    const file = toParsedFile(COMPONENT, FILE, REPOSITORY);

    expect(file).toMatchObject(FILE);
    expect(file.entity?.key).toBe('component:default/api');
  });

  it('gets the annotations of its origin', () => {
    expect(parsed(COMPONENT)).toMatchObject({
      metadata: {
        annotations: {
          'backstage.io/managed-by-location': `url:${FILE.targetUrl}`,
          'backstage.io/managed-by-origin-location': `url:${FILE.targetUrl}`,
          'bitbucket.org/project-key': 'PAY',
          'bitbucket.org/repo-slug': 'api',
        },
      },
    });
  });

  it('keeps the annotations that it has', () => {
    const annotations = { 'bitbucket.org/repo-slug': 'web', 'example.com/tier': '1' };
    const metadata = { name: 'api', annotations };

    expect(parsed({ ...COMPONENT, metadata })).toMatchObject({
      metadata: { annotations },
    });
  });

  it('is the same text for any order of properties', () => {
    const { apiVersion, kind, metadata } = COMPONENT;
    const spec = { type: 'service', owner: 'pay' };
    const entity = { ...COMPONENT, spec };
    const other = {
      spec: { owner: 'pay', type: 'service' },
      metadata,
      kind,
      apiVersion,
    };

    expect(toParsedFile(other, FILE, REPOSITORY)).toEqual(
      toParsedFile(entity, FILE, REPOSITORY),
    );
  });

  it('replaces the Location that reads its file if it is the same one', () => {
    const location = locationSpecToLocationEntity({
      location: { type: 'url', target: FILE.targetUrl, presence: 'optional' },
    });

    expect(toParsedFile(location, FILE, REPOSITORY).entity?.key).toBe(FILE.targetUrl);
  });

  it('is identified by another file if it is the Location that reads that', () => {
    const target = `${PAGE}/other.yaml`;
    const location = locationSpecToLocationEntity({
      location: { type: 'url', target, presence: 'optional' },
    });

    expect(toParsedFile(location, FILE, REPOSITORY).entity?.key).toBe(target);
  });

  it('is identified by its entity ref if it is a Location with another name', () => {
    const location = {
      ...COMPONENT,
      kind: 'Location',
      spec: { type: 'url', target: FILE.targetUrl },
    };

    expect(toParsedFile(location, FILE, REPOSITORY).entity?.key).toBe(
      'location:default/api',
    );
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'component:default/api'],
    ['a list of entities', [COMPONENT]],
    ['an entity without a name', { ...COMPONENT, metadata: {} }],
    ['an entity without a kind', { ...COMPONENT, kind: undefined }],
    ['an entity whose annotations are not strings', withAnnotation(7)],
    ['a value that contains itself', selfHolding()],
  ])('is refused if it is %s', (_, yielded) => {
    expect(() => toParsedFile(yielded, FILE, REPOSITORY)).toThrow(
      /^it yielded a value that is not an entity: ./,
    );
  });
});

function withAnnotation(value: unknown) {
  return { ...COMPONENT, metadata: { name: 'api', annotations: { tier: value } } };
}

function selfHolding() {
  const entity: Record<string, unknown> = { ...COMPONENT };
  entity.spec = { entity };
  return entity;
}
