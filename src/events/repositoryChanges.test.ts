import { repository } from '../__testUtils__/discoveryData';
import {
  getFormerAddress,
  mergePending,
  PendingRepository,
  RefChange,
} from './repositoryChanges';

const API = { projectKey: 'PAY', slug: 'api' };
const hash = (letter: string) => letter.repeat(40);

function ref(name: string, from: string, to: string): RefChange {
  return {
    refId: `refs/heads/${name}`,
    kind: 'BRANCH',
    change: 'UPDATE',
    fromHash: hash(from),
    toHash: hash(to),
  };
}

function pushed(...refs: readonly RefChange[]): PendingRepository {
  return { repository: API, changes: [{ type: 'pushed', repository: API, refs }] };
}

function modified(formerSlug?: string): PendingRepository {
  const former =
    formerSlug === undefined
      ? {}
      : { formerAddress: { projectKey: 'PAY', slug: formerSlug } };
  return {
    repository: API,
    changes: [{ type: 'modified', repository: API, ...former }],
  };
}

function getRefs({ changes }: PendingRepository): readonly RefChange[] {
  return changes.flatMap(change => (change.type === 'pushed' ? change.refs : []));
}

describe('two pushes', () => {
  it('to one branch are merged from the first commit to the last', () => {
    const merged = mergePending(
      pushed(ref('main', 'a', 'b')),
      pushed(ref('main', 'b', 'c')),
    );
    expect(getRefs(merged)).toEqual([ref('main', 'a', 'c')]);
  });

  it('to two branches stay two, in either order', () => {
    const merged = mergePending(
      pushed(ref('main', 'a', 'b'), ref('x', 'd', 'e')),
      pushed(ref('main', 'b', 'c'), ref('y', 'f', '1')),
    );
    expect(getRefs(merged)).toEqual([
      ref('main', 'a', 'c'),
      ref('x', 'd', 'e'),
      ref('y', 'f', '1'),
    ]);
  });

  it('keep a tag and a branch of the same name apart', () => {
    const tag: RefChange = { ...ref('v1', 'a', 'b'), kind: 'TAG', refId: 'refs/tags/v1' };
    const merged = mergePending(pushed(tag), pushed(ref('v1', 'c', 'd')));
    expect(getRefs(merged)).toHaveLength(2);
  });

  it('end as a deletion if the last one deletes the branch', () => {
    const deleted: RefChange = { ...ref('main', 'b', '0'), change: 'DELETE' };
    const merged = mergePending(pushed(ref('main', 'a', 'b')), pushed(deleted));
    expect(getRefs(merged)).toEqual([{ ...deleted, fromHash: hash('a') }]);
  });
});

describe('events of several types', () => {
  it('are kept, one per type', () => {
    const merged = [
      modified('old'),
      pushed(ref('main', 'a', 'b')),
      modified(),
      pushed(ref('main', 'b', 'c')),
    ].reduce(mergePending);
    expect(merged.changes.map(change => change.type)).toEqual(['modified', 'pushed']);
  });

  it('keep the first former address, which is the one in the catalog', () => {
    expect(getFormerAddress(mergePending(modified('one'), modified('two')))?.slug).toBe(
      'one',
    );
    expect(getFormerAddress(mergePending(modified('one'), modified()))?.slug).toBe('one');
    expect(getFormerAddress(mergePending(modified(), modified('two')))?.slug).toBe('two');
    expect(getFormerAddress(mergePending(modified('one'), pushed()))?.slug).toBe('one');
    expect(getFormerAddress(pushed())).toBeUndefined();
    expect(getFormerAddress(modified())).toBeUndefined();
  });
});

describe('the repository', () => {
  const withId = { ...API, id: 7, selfUrl: 'https://host/projects/PAY/repos/api/browse' };
  const nothing: PendingRepository = { repository: API, changes: [] };

  it('keeps an id and a link that only one of the events has', () => {
    for (const [one, other] of [
      [withId, API],
      [API, withId],
    ] as const) {
      const merged = mergePending(
        { ...nothing, repository: one },
        { ...nothing, repository: other },
      );
      expect(merged.repository).toEqual(withId);
    }
  });

  it('has the name from the last event', () => {
    const later = { ...API, slug: 'API', id: 8 };
    const merged = mergePending(
      { ...nothing, repository: withId },
      { ...nothing, repository: later },
    );
    expect(merged.repository).toEqual({ ...later, selfUrl: withId.selfUrl });
  });

  it('keeps the listed state, from the later listing if there are two', () => {
    const shown = { repository: repository(7, 'PAY/api') };
    const anew = { repository: repository(7, 'PAY/api', { archived: true }) };
    expect(mergePending({ ...nothing, listed: shown }, nothing).listed).toBe(shown);
    expect(mergePending(nothing, { ...nothing, listed: anew }).listed).toBe(anew);
    const merged = mergePending(
      { ...nothing, listed: shown },
      { ...nothing, listed: anew },
    );
    expect(merged.listed).toBe(anew);
    expect(mergePending(nothing, nothing).listed).toBeUndefined();
  });
});

it.each([
  ['either knows that a file is gone', 'isFileGone', true, true],
  ['only one of them is because of its project', 'isOneOfMany', false, true],
] as const)('two handlings are merged when %s', (_, flag, ifOne, ifBoth) => {
  const flagged = { ...pushed(), [flag]: true };
  expect(Boolean(mergePending(flagged, pushed())[flag])).toBe(ifOne);
  expect(Boolean(mergePending(pushed(), flagged)[flag])).toBe(ifOne);
  expect(Boolean(mergePending(flagged, flagged)[flag])).toBe(ifBoth);
  expect(Boolean(mergePending(pushed(), pushed())[flag])).toBe(false);
});
