/**
 * The content of a simulated repository: branches, commits and the files of each commit.
 * Written by the model's mutators, read by the content routes. There is no git underneath:
 * a commit is a hash and a map of paths to contents.
 */
import { createHash } from 'node:crypto';

/** Paths from the repository root, without leading slash, to their contents. */
export type Tree = ReadonlyMap<string, string>;

/** One commit. */
export interface Commit {
  /** 40 hexadecimal digits. */
  readonly id: string;
  readonly parentId?: string;
  readonly message: string;
  /** Epoch milliseconds. */
  readonly committedAt: number;
  readonly tree: Tree;
}

/** The effect of a write on a branch; can be passed to the webhook builders. */
export interface RefChange {
  /** Name of the branch, such as `main`. */
  readonly branch: string;
  /** `NO_COMMIT` when the branch is new. */
  readonly fromHash: string;
  /** `NO_COMMIT` when the branch was deleted. */
  readonly toHash: string;
}

/** The hash that stands for "no commit" in webhooks: 40 zeros. */
export const NO_COMMIT = '0'.repeat(40);

const REF_PREFIX = 'refs/heads/';

/** The full id of a branch: `refs/heads/main`. */
export function toRefId(branch: string): string {
  return `${REF_PREFIX}${branch}`;
}

/** A tree of plain paths to contents; a leading slash is dropped. */
export function toTree(files: Readonly<Record<string, string>>): Tree {
  return new Map(
    Object.entries(files).map(([path, content]) => [path.replace(/^\/+/, ''), content]),
  );
}

/** The content of one repository. */
export class SimulatedGit {
  /** Name of the configured default branch, which need not exist. */
  defaultBranch: string;
  readonly #seed: string;
  readonly #now: () => number;
  readonly #branches = new Map<string, Commit>();
  readonly #commits = new Map<string, Commit>();

  /**
   * @param seed - makes the hashes of this repository its own
   * @param defaultBranch - name of the configured default branch
   * @param now - epoch milliseconds, for commit times
   */
  constructor(seed: string, defaultBranch: string, now: () => number) {
    this.#seed = seed;
    this.defaultBranch = defaultBranch;
    this.#now = now;
  }

  /** Whether nothing was ever pushed, or every branch was deleted. */
  get empty(): boolean {
    return this.#branches.size === 0;
  }

  /** Branches by name, in the order of their creation. */
  get branches(): ReadonlyMap<string, Commit> {
    return this.#branches;
  }

  /** Returns the tip of a branch, or `undefined` when the branch does not exist. */
  tip(branch: string): Commit | undefined {
    return this.#branches.get(branch);
  }

  /** Adds a new commit with exactly these files to a branch, which it creates if necessary. */
  commit(branch: string, tree: Tree, message: string): RefChange {
    const parent = this.#branches.get(branch);
    const id = createHash('sha1')
      .update(`${this.#seed}/${this.#commits.size}`)
      .digest('hex');
    const commit: Commit = {
      id,
      parentId: parent?.id,
      message,
      committedAt: this.#now(),
      tree,
    };
    this.#commits.set(id, commit);
    this.#branches.set(branch, commit);
    return { branch, fromHash: parent?.id ?? NO_COMMIT, toHash: id };
  }

  /**
   * Commits a changed copy of a branch's files. A new branch starts from the default one.
   *
   * @param change - edits the copy in place
   */
  edit(
    branch: string,
    message: string,
    change: (files: Map<string, string>) => void,
  ): RefChange {
    const base = this.tip(branch) ?? this.tip(this.defaultBranch);
    const files = new Map(base?.tree);
    change(files);
    return this.commit(branch, files, message);
  }

  /** Makes a branch point at an existing commit. */
  point(branch: string, commit: Commit): RefChange {
    const before = this.#branches.get(branch);
    this.#branches.set(branch, commit);
    return { branch, fromHash: before?.id ?? NO_COMMIT, toHash: commit.id };
  }

  /** Deletes a branch; its commits stay readable by hash. */
  deleteBranch(branch: string): RefChange {
    const before = this.#branches.get(branch);
    this.#branches.delete(branch);
    return { branch, fromHash: before?.id ?? NO_COMMIT, toHash: NO_COMMIT };
  }

  /**
   * Resolves the value of `at`, `from` or `to`: a full ref id, a branch name, a commit
   * hash or at least seven digits of one.
   */
  resolve(revision: string): Commit | undefined {
    const name = revision.startsWith(REF_PREFIX)
      ? revision.slice(REF_PREFIX.length)
      : revision;
    const tip = this.#branches.get(name);
    if (tip || !/^[0-9a-f]{7,40}$/i.test(revision)) {
      return tip;
    }
    const hash = revision.toLowerCase();
    const exact = this.#commits.get(hash);
    return exact ?? [...this.#commits.values()].find(({ id }) => id.startsWith(hash));
  }
}
