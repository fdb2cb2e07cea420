import {
  address,
  file,
  HOUR,
  known,
  location,
  NOW,
  registered,
  repository,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import {
  evaluateCheck,
  CheckedRepository,
  RemovalGuard,
  RepositoryDelta,
} from './evaluateRepository';
import { addressKey } from './identify';
import { HeldRemoval, KnownRepository, ConclusiveOutcome } from './types';

const POLICY = { maxPercentage: 30, holdForMs: 24 * HOUR };
const OUT: ConclusiveOutcome = { kind: 'excluded', reason: 'archived' };
const NONE: ConclusiveOutcome = { kind: 'absent', reason: 'no-catalog-file' };
const MANY = ['PAY/api', 'PAY/web', 'PAY/db', 'PAY/doc'].map((at, index) =>
  known(7 + index, at),
);
const ONLY = [known(7, 'PAY/api')];

interface Setting extends Partial<RemovalGuard> {
  /** The address at which the repository is checked. */
  readonly at?: string;
  /** The outcome; `gone` when there is no repository. */
  readonly outcome?: ConclusiveOutcome | 'gone';
  readonly known?: readonly KnownRepository[];
}

/** Checks repository 7, which has lost its file unless the setting says otherwise. */
async function guarded(setting: Setting = {}): Promise<RepositoryDelta> {
  const { at = 'PAY/api', outcome = NONE, known: all = MANY, ...guard } = setting;
  const ats = [address(at), address('PAY/api')];
  const checked: CheckedRepository = {
    kind: 'checked',
    address: address(at),
    ...(outcome !== 'gone' && { repository: repository(7, at), outcome }),
    checkedAtMs: NOW,
    revision: NOW,
    departures: new Map(ats.map(address => [addressKey(address), true])),
    selector: { repositoryIds: [7], addresses: ats },
  };
  const some = { policy: POLICY, held: [], nowMs: NOW };
  const { delta } = await evaluateCheck(checked, all, { ...some, ...guard });
  return delta;
}

function held(ageMs: number, approved = false, at = 'PAY/api'): HeldRemoval {
  return {
    repositoryId: 7,
    entryKey: target(at),
    sinceMs: NOW - ageMs,
    confirmedForMs: ageMs,
    approved,
  };
}

/** The file keys of the repository after the evaluation. */
function getFiles({ changed }: RepositoryDelta, id = 7): string[] | undefined {
  return changed
    .find(repository => repository.repositoryId === id)
    ?.files.map(file => file.targetUrl);
}

const REMOVED = { removed: [location(7, 'PAY/api')], held: [] };
const HELD = { removed: [], held: [held(0)] };

describe('a removal caused by an event', () => {
  it('is applied when other Locations remain', async () => {
    const delta = await guarded();
    expect(delta).toMatchObject(REMOVED);
    expect(delta.heldBackReason).toBeUndefined();
    expect(getFiles(delta)).toEqual([]);
  });

  it('is held back when it is the last Location, which is stored as still in the catalog', async () => {
    const delta = await guarded({ known: ONLY });
    expect(delta).toMatchObject(HELD);
    expect(delta.heldBackReason).toMatch(/^1 of 1 Locations/);
    expect(getFiles(delta)).toEqual([target('PAY/api')]);
  });

  it('is held back when no removal is allowed without approval', async () => {
    const policy = { ...POLICY, maxPercentage: 0 };
    expect(await guarded({ policy })).toMatchObject(HELD);
  });

  it('is applied when the guard is off', async () => {
    const policy = { ...POLICY, maxPercentage: 100 };
    expect(await guarded({ policy, known: ONLY })).toMatchObject(REMOVED);
  });

  it('is applied when it is approved', async () => {
    const delta = await guarded({ known: ONLY, held: [held(1, true)] });
    expect(delta).toMatchObject(REMOVED);
  });

  it('is not approved by the approval of another removal', async () => {
    const delta = await guarded({ known: ONLY, held: [held(1, true, 'PAY/web')] });
    expect(delta.removed).toEqual([]);
  });

  it('stays held, with its first time, until holdFor is over', async () => {
    const before = held(24 * HOUR - 1);
    const delta = await guarded({ known: ONLY, held: [before] });
    expect(delta).toMatchObject({ removed: [], held: [before] });
  });

  it('is applied once holdFor is over', async () => {
    const delta = await guarded({ known: ONLY, held: [held(24 * HOUR)] });
    expect(delta).toMatchObject(REMOVED);
  });

  it.each([OUT, 'gone'] as const)(
    'is held back in the same way when the repository is excluded or gone: %j',
    async outcome => {
      expect(await guarded({ outcome, known: ONLY })).toMatchObject(HELD);
    },
  );

  it('is not stored as a removal from the catalog before the catalog has answered', async () => {
    const outcome = registered('PAY/api', 'other.yaml');
    const delta = await guarded({ outcome });
    const [before, other] = [target('PAY/api'), target('PAY/api', 'other.yaml')];
    expect(getFiles(delta)).toEqual([other]);
    expect(delta.changedByAdding[0]?.files.map(file => file.targetUrl)).toEqual([
      other,
      before,
    ]);
    expect(delta.changedByCheck[0]?.files.map(file => file.targetUrl)).toEqual([before]);
  });
});

describe('more than one removal', () => {
  const paths = Array.from({ length: 8 }, (_, index) => `f${index}.yaml`);
  const files = paths.map(path => file('PAY/api', path));
  const all = [known(7, 'PAY/api', files), ...MANY.slice(1)];

  it('is not held back up to five', async () => {
    const outcome = registered('PAY/api', ...paths.slice(5));
    expect((await guarded({ outcome, known: all })).removed).toHaveLength(5);
  });

  it('is held back as a whole above the limit, and files that were found stay', async () => {
    const outcome = registered('PAY/api', ...paths.slice(0, 1));
    const delta = await guarded({ outcome, known: all });
    expect(delta.removed).toEqual([]);
    expect(delta.held).toHaveLength(7);
    expect(getTargets(delta.stayed)).toEqual([target('PAY/api', 'f0.yaml')]);
    expect(getFiles(delta)).toEqual(files.map(file => file.targetUrl));
  });
});

describe('a file that is found under another URL', () => {
  const renamed = { at: 'PAY/gateway', outcome: registered('PAY/gateway') };

  it('is replaced even when it is the last one', async () => {
    const delta = await guarded({ ...renamed, known: ONLY });
    expect(delta).toMatchObject(REMOVED);
    expect(getTargets(delta.added)).toEqual([target('PAY/gateway')]);
  });

  it('is held back when too many removals go with it', async () => {
    const paths = Array.from({ length: 6 }, (_, index) => `f${index}.yaml`);
    const before = paths.map(path => file('PAY/api', path));
    const delta = await guarded({
      at: 'PAY/gateway',
      outcome: registered('PAY/gateway', ...paths),
      known: [known(7, 'PAY/api', before)],
    });
    expect(delta.removed).toEqual([]);
    expect(delta.added).toHaveLength(6);
    expect(delta.held).toHaveLength(6);
  });

  it('is replaced even when no removal is allowed without approval', async () => {
    const policy = { ...POLICY, maxPercentage: 0 };
    expect((await guarded({ ...renamed, policy })).held).toEqual([]);
  });

  it('is not replaced by a file at another path', async () => {
    const outcome = registered('PAY/gateway', 'other.yaml');
    const policy = { ...POLICY, maxPercentage: 0 };
    expect((await guarded({ ...renamed, outcome, policy })).held).toHaveLength(1);
  });
});

describe('a held removal', () => {
  it('of a placeholder is stored with the repository once its id is known', async () => {
    const delta = await guarded({ known: [known(-1, 'PAY/api')] });
    expect(delta).toMatchObject({ ...HELD, forgottenIds: [-1] });
    expect(getFiles(delta)).toEqual([target('PAY/api')]);
  });

  it('does not change other repositories', async () => {
    const delta = await guarded({ policy: { ...POLICY, maxPercentage: 0 } });
    expect(delta.changed.map(repository => repository.repositoryId)).toEqual([7]);
  });

  it('does not change the Locations that are added or kept', async () => {
    const outcome = registered('PAY/api', 'a.yaml', 'b.yaml');
    const files = [file('PAY/api'), file('PAY/api', 'b.yaml')];
    const policy = { ...POLICY, maxPercentage: 0 };
    const delta = await guarded({ outcome, policy, known: [known(7, 'PAY/api', files)] });
    expect(getTargets(delta.added)).toEqual([target('PAY/api', 'a.yaml')]);
    expect(getTargets(delta.stayed)).toEqual([target('PAY/api', 'b.yaml')]);
    expect(getFiles(delta)).toContain(target('PAY/api'));
  });
});

describe('an entity that another repository also provides', () => {
  const made = (at: string, json: string) => ({
    ...file(at),
    entity: { key: 'component:default/x', json },
  });
  const both = [
    known(7, 'PAY/api', [made('PAY/api', '1')]),
    known(8, 'PAY/web', [made('PAY/web', '2')]),
  ];

  it('passes to that repository, whatever the guard', async () => {
    const policy = { ...POLICY, maxPercentage: 0 };
    const delta = await guarded({ known: both, policy });
    expect(delta).toMatchObject({ removed: [], held: [] });
    expect(delta.added).toEqual([
      { repository: { id: 8, ...address('PAY/web') }, file: made('PAY/web', '2') },
    ]);
    expect(getFiles(delta)).toEqual([]);
    expect(getFiles(delta, 8)).toBeUndefined();
  });

  it('stays with that repository when it is found here as well', async () => {
    const files = [made('PAY/api', '1')];
    const delta = await guarded({ known: both, outcome: { kind: 'registered', files } });
    expect(delta.changed.map(repository => repository.repositoryId)).toEqual([7]);
  });

  it('is taken from the repository that was at this address before', async () => {
    const files = [made('PAY/api', '1')];
    const before = [known(9, 'pay/API', files), known(7, 'PAY/api', [])];
    const delta = await guarded({
      known: before,
      outcome: { kind: 'registered', files },
    });
    expect(getFiles(delta, 9)).toEqual([]);
    expect(getFiles(delta)).toEqual([target('PAY/api')]);
  });
});
