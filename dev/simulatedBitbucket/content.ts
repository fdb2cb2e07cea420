/**
 * Files and branches of the simulated repositories: one mutator per effect of a push.
 * Each returns the change of the branch, which can be passed to the webhook builders.
 */
import type { RefChange } from './git';
import { SimulatedModel } from './model';

/** The model with its pushes. `branch` is always the default branch unless given. */
export class SimulatedContent extends SimulatedModel {
  /** Writes a file in a new commit. */
  writeFile(
    projectKey: string,
    slug: string,
    path: string,
    content: string,
    branch?: string,
  ): RefChange {
    return this.#edit(projectKey, slug, branch, `Write ${path}`, files =>
      files.set(path, content),
    );
  }

  /** Removes a file in a new commit. */
  removeFile(projectKey: string, slug: string, path: string, branch?: string): RefChange {
    return this.#edit(projectKey, slug, branch, `Remove ${path}`, files =>
      files.delete(path),
    );
  }

  /** Renames a file without changing its content, in a new commit. */
  renameFile(
    projectKey: string,
    slug: string,
    path: string,
    newPath: string,
    branch?: string,
  ): RefChange {
    return this.#edit(projectKey, slug, branch, `Rename ${path}`, files => {
      files.set(newPath, files.get(path) ?? '');
      files.delete(path);
    });
  }

  /** Creates a branch at the tip of another (the default branch unless given). */
  createBranch(
    projectKey: string,
    slug: string,
    branch: string,
    from?: string,
  ): RefChange {
    const { git } = this.getRepository(projectKey, slug);
    const tip = git.tip(from ?? git.defaultBranch);
    return tip
      ? git.point(branch, tip)
      : git.commit(branch, new Map(), `Start ${branch}`);
  }

  deleteBranch(projectKey: string, slug: string, branch: string): RefChange {
    return this.getRepository(projectKey, slug).git.deleteBranch(branch);
  }

  /** Configures another default branch, which need not exist. */
  setDefaultBranch(projectKey: string, slug: string, branch: string): void {
    this.getRepository(projectKey, slug).git.defaultBranch = branch;
  }

  #edit(
    projectKey: string,
    slug: string,
    branch: string | undefined,
    message: string,
    change: (files: Map<string, string>) => void,
  ): RefChange {
    const { git } = this.getRepository(projectKey, slug);
    return git.edit(branch ?? git.defaultBranch, message, change);
  }
}
