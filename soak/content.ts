/** Changes of the content of a Bitbucket, each with its webhook. */

import type {
  AddRepositoryOptions,
  SimulatedBitbucket,
  WebhookRequest,
} from '../dev/simulatedBitbucket';

/** The random numbers of a step. */
export interface Draw {
  /** Chooses a repository, modulo their number. */
  readonly position: number;
  /** Makes all other choices. */
  readonly choice: number;
}

interface Address {
  readonly projectKey: string;
  readonly slug: string;
}

type Change = (
  bitbucket: SimulatedBitbucket,
  at: Address,
  choice: number,
) => WebhookRequest | undefined;

const PROJECTS = ['PAY', 'OPS', 'LAB', '~JDOE', 'PAYMENTS'];
const SLUGS = ['a', 'b', 'c', 'd', 'e', 'f'];
const PATHS = [
  'catalog-info.yaml',
  'catalog-info.yaml',
  'docs/catalog-info.yaml',
  'docs/other.yaml',
  'README.md',
];
const BRANCHES = ['release', 'main', 'feature/x'];
const LABELS = ['catalog', 'old', 'other'];

function pick<T>(items: readonly [T, ...T[]] | readonly T[], choice: number): T {
  const item = items[choice % items.length];
  if (item === undefined) {
    throw new Error('there are no candidates');
  }
  return item;
}

/** Derives a second, seemingly independent number. */
const other = (choice: number) => Math.floor(choice / 7);

function isFree(bitbucket: SimulatedBitbucket, { projectKey, slug }: Address): boolean {
  return bitbucket.findRepository(projectKey, slug) === undefined;
}

const push =
  (
    change: (
      bitbucket: SimulatedBitbucket,
      at: Address,
      choice: number,
    ) => ReturnType<SimulatedBitbucket['writeFile']>,
  ): Change =>
  (bitbucket, at, choice) => {
    const changes = [change(bitbucket, at, choice)];
    return choice % 11 === 0
      ? bitbucket.webhook('mirror:repo_synchronized', { ...at, changes })
      : bitbucket.webhook('repo:refs_changed', {
          ...at,
          changes: choice % 13 === 0 ? [] : changes,
        });
  };

const modify =
  (
    change: (bitbucket: SimulatedBitbucket, at: Address, choice: number) => Address,
  ): Change =>
  (bitbucket, at, choice) => {
    const old = bitbucket.repositoryJson(at.projectKey, at.slug);
    return bitbucket.webhook('repo:modified', { ...change(bitbucket, at, choice), old });
  };

/** Moves and then renames a repository, where the addresses are free. */
function relocate(bitbucket: SimulatedBitbucket, at: Address, to: Address): Address {
  const moved = { ...at, projectKey: to.projectKey };
  const renamed = { ...at, slug: to.slug };
  const isThere = (address: Address) =>
    bitbucket.findRepository(address.projectKey, address.slug) ===
    bitbucket.findRepository(at.projectKey, at.slug);
  const isPassable = (address: Address) => isThere(address) || isFree(bitbucket, address);
  if (!isPassable(moved) || !isPassable(renamed) || !isPassable(to)) {
    return at;
  }
  bitbucket.moveRepository(at.projectKey, at.slug, to.projectKey);
  bitbucket.renameRepository(to.projectKey, at.slug, to.slug);
  return to;
}

/** Builds an event that only apps send. */
function toldByApp(bitbucket: SimulatedBitbucket, eventKey: string, at: Address) {
  const repository = bitbucket.repositoryJson(at.projectKey, at.slug);
  const body = JSON.stringify({ eventKey, repository });
  return { headers: { 'X-Event-Key': eventKey }, body };
}

/** Counts hierarchies across all servers, since no two servers share one. */
let hierarchies = 0;

function hierarchyId(): string {
  hierarchies += 1;
  return `hierarchy-${hierarchies}`;
}

function add(
  bitbucket: SimulatedBitbucket,
  at: Address,
  choice: number,
  options: Partial<AddRepositoryOptions> = {},
): WebhookRequest | undefined {
  if (!isFree(bitbucket, at)) {
    return undefined;
  }
  bitbucket.addRepository({
    ...at,
    hierarchyId: hierarchyId(),
    // Most have a catalog file, or there would be too few for held removals.
    files: {
      'README.md': at.slug,
      [choice % 4 > 0 ? 'catalog-info.yaml' : pick(PATHS, choice)]: 'x',
    },
    ...(choice % 5 === 0 && {
      branches: { release: { [pick(PATHS, other(choice))]: 'x' } },
    }),
    empty: choice % 23 === 22,
    labels: [pick(LABELS, other(choice))],
    public: choice % 3 === 0,
    ...options,
  });
  return toldByApp(bitbucket, 'repo:created', at);
}

/** All possible changes of a repository. */
export const CONTENT_CHANGES = {
  writeFile: push((bitbucket, { projectKey, slug }, choice) =>
    bitbucket.writeFile(projectKey, slug, pick(PATHS, choice), `v${choice}`),
  ),
  removeFile: push((bitbucket, { projectKey, slug }, choice) =>
    bitbucket.removeFile(projectKey, slug, pick(PATHS, choice)),
  ),
  renameFile: push((bitbucket, { projectKey, slug }, choice) =>
    bitbucket.renameFile(
      projectKey,
      slug,
      pick(PATHS, choice),
      pick(PATHS, other(choice)),
    ),
  ),
  writeOnBranch: push((bitbucket, { projectKey, slug }, choice) =>
    bitbucket.writeFile(
      projectKey,
      slug,
      pick(PATHS, choice),
      'x',
      pick(BRANCHES, other(choice)),
    ),
  ),
  deleteBranch: push((bitbucket, { projectKey, slug }, choice) =>
    bitbucket.deleteBranch(projectKey, slug, pick(BRANCHES, choice)),
  ),
  empty: push((bitbucket, { projectKey, slug }) => {
    const { git } = bitbucket.getRepository(projectKey, slug);
    const [first = git.defaultBranch, ...rest] = [...git.branches.keys()];
    rest.forEach(branch => bitbucket.deleteBranch(projectKey, slug, branch));
    return bitbucket.deleteBranch(projectKey, slug, first);
  }),
  setDefaultBranch: (bitbucket, { projectKey, slug }, choice) => {
    bitbucket.setDefaultBranch(projectKey, slug, pick(BRANCHES, choice));
    return undefined;
  },
  rename: modify((bitbucket, at, choice) =>
    relocate(bitbucket, at, { ...at, slug: pick(SLUGS, choice) }),
  ),
  move: modify((bitbucket, at, choice) =>
    relocate(bitbucket, at, { ...at, projectKey: pick(PROJECTS, choice) }),
  ),
  moveAndRename: modify((bitbucket, at, choice) =>
    relocate(bitbucket, at, {
      projectKey: pick(PROJECTS, choice),
      slug: pick(SLUGS, other(choice)),
    }),
  ),
  archive: modify((bitbucket, at, choice) => {
    bitbucket.archiveRepository(at.projectKey, at.slug, choice % 3 > 0);
    return at;
  }),
  publish: modify((bitbucket, at, choice) => {
    bitbucket.updateRepository(at.projectKey, at.slug, { public: choice % 2 === 0 });
    return at;
  }),
  setState: (bitbucket, { projectKey, slug }, choice) => {
    const state = pick(['OFFLINE', 'AVAILABLE', 'INITIALISING'] as const, choice);
    bitbucket.updateRepository(projectKey, slug, { state });
    return undefined;
  },
  setLabels: (bitbucket, { projectKey, slug }, choice) => {
    bitbucket.setLabels(projectKey, slug, [pick(LABELS, choice)]);
    return undefined;
  },
  add: (bitbucket, _, choice) =>
    add(
      bitbucket,
      { projectKey: pick(PROJECTS, choice), slug: pick(SLUGS, other(choice)) },
      other(other(choice)),
    ),
  fork: (bitbucket, origin, choice) => {
    const at = { projectKey: pick(PROJECTS, choice), slug: pick(SLUGS, other(choice)) };
    const before = bitbucket.getRepository(origin.projectKey, origin.slug);
    const added = add(bitbucket, at, choice, { origin, hierarchyId: before.hierarchyId });
    return added && bitbucket.webhook('repo:forked', at);
  },
  delete: (bitbucket, at) => {
    const webhook = toldByApp(bitbucket, 'repo:deleted', at);
    bitbucket.deleteRepository(at.projectKey, at.slug);
    return webhook;
  },
  renameProject: (bitbucket, { projectKey }, choice) => {
    const key = pick(PROJECTS, choice);
    const old = bitbucket.projectJson(projectKey);
    const isPersonal = key.startsWith('~') || projectKey.startsWith('~');
    if (bitbucket.findProject(key) || isPersonal || old === undefined) {
      return undefined;
    }
    bitbucket.renameProject(projectKey, key);
    return bitbucket.webhook('project:modified', { projectKey: key, old });
  },
  deleteProject: (bitbucket, { projectKey }) => {
    bitbucket.deleteProject(projectKey);
    return undefined;
  },
} satisfies Record<string, Change>;

/** A kind of change of the content. */
export type ContentChange = keyof typeof CONTENT_CHANGES;

/** Changes the content; adds a repository where there is none. */
export function changeContent(
  bitbucket: SimulatedBitbucket,
  kind: ContentChange,
  { position, choice }: Draw,
): WebhookRequest | undefined {
  const all = [...bitbucket.repositories()].sort((a, b) => a.id - b.id);
  const repository = all[position % Math.max(all.length, 1)];
  if (!repository) {
    return add(bitbucket, { projectKey: 'PAY', slug: 'a' }, choice);
  }
  const at = { projectKey: repository.project.key, slug: repository.slug };
  const change: Change = CONTENT_CHANGES[kind];
  return change(bitbucket, at, choice);
}

/** Fills a server. */
export function fill(bitbucket: SimulatedBitbucket, draws: readonly number[]): void {
  for (const choice of draws) {
    changeContent(bitbucket, 'add', { position: 0, choice });
  }
}
