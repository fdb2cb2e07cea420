/**
 * The users and service accounts that may sign in, with their permissions. The model stores
 * them, `auth.ts` checks them, `viewer.ts` applies their permissions.
 */

/** Levels of `permission` in listings, lowest first. */
export const REPOSITORY_PERMISSIONS = ['REPO_READ', 'REPO_WRITE', 'REPO_ADMIN'] as const;
export type RepositoryPermission = (typeof REPOSITORY_PERMISSIONS)[number];

/** One user, as given to `createSimulatedBitbucket`. */
export interface UserOptions {
  /** User name; the slug is its lower-case form. */
  name: string;
  password?: string;
  /** HTTP access token: as Bearer, or in place of the password in Basic. */
  token?: string;
  displayName?: string;
  /**
   * Makes it the account behind an HTTP access token of these projects: it sees nothing else,
   * signs in as Bearer only and may not list the whole server. [the latter: assumed]
   * Source: Atlassian, "HTTP access tokens".
   */
  projects?: readonly string[];
  /**
   * Answers do not name it, and it may not send requests that only users may. [assumed: the worst
   * case of a token without a user; one of 9.4 had the user `access-token-user/2/11754`]
   */
  nameless?: boolean;
  /** Project keys this user may not see. */
  hiddenProjects?: readonly string[];
  /** `KEY/slug` of repositories this user may not see. */
  hiddenRepositories?: readonly string[];
  /** Every sign-in with a password is refused until a CAPTCHA is solved; tokens still work. */
  captchaRequired?: boolean;
  /** The HTTP access token has expired. */
  expired?: boolean;
  /** The permission of the user on every repository it sees. Default `REPO_READ`. */
  permission?: RepositoryPermission;
  /** May read the rate-limit settings of others. */
  admin?: boolean;
  /** Not rate limited at all. */
  whitelisted?: boolean;
}

/** A user as the simulator holds it; the flags may be changed at any time. */
export interface SimulatedUser {
  readonly id: number;
  readonly name: string;
  readonly slug: string;
  readonly displayName: string;
  password?: string;
  token?: string;
  captchaRequired: boolean;
  expired: boolean;
  permission: RepositoryPermission;
  admin: boolean;
  whitelisted: boolean;
  readonly nameless: boolean;
  /** Lower-case keys of the only projects that this user may see, where it is a project token's account. */
  readonly projects?: ReadonlySet<string>;
  /** Refused sign-ins with a password so far. */
  failedLogins: number;
  /** Lower-case project keys and `key/slug` pairs this user may not see. */
  readonly hidden: Set<string>;
}

/** Completes the options of one user. */
function toUser(id: number, options: UserOptions): SimulatedUser {
  const { name, hiddenProjects = [], hiddenRepositories = [] } = options;
  return {
    id,
    name,
    slug: name.toLowerCase(),
    displayName: options.displayName ?? name,
    password: options.password,
    token: options.token,
    captchaRequired: options.captchaRequired ?? false,
    expired: options.expired ?? false,
    permission: options.permission ?? 'REPO_READ',
    admin: options.admin ?? false,
    whitelisted: options.whitelisted ?? false,
    nameless: options.nameless ?? false,
    projects: options.projects && new Set(options.projects.map(key => key.toLowerCase())),
    failedLogins: 0,
    hidden: new Set(
      [...hiddenProjects, ...hiddenRepositories].map(what => what.toLowerCase()),
    ),
  };
}

/** The users of a simulated server. */
export class SimulatedUsers {
  readonly #users = new Map<string, SimulatedUser>();

  /** Users by lower-case name. */
  get users(): ReadonlyMap<string, SimulatedUser> {
    return this.#users;
  }

  /** Adds a user, or replaces the one of that name. */
  addUser(options: UserOptions): SimulatedUser {
    const user = toUser(this.#users.size + 1, options);
    this.#users.set(user.slug, user);
    return user;
  }

  /** @throws Error when the user does not exist; for mutators, whose caller should know. */
  getUser(name: string): SimulatedUser {
    const user = this.#users.get(name.toLowerCase());
    if (!user) {
      throw new Error(`The simulated Bitbucket has no user ${name}`);
    }
    return user;
  }

  /** Hides a project (`KEY`) or a repository (`KEY/slug`) from a user. */
  hide(userName: string, what: string): void {
    this.getUser(userName).hidden.add(what.toLowerCase());
  }

  /** Reverts `hide`. */
  reveal(userName: string, what: string): void {
    this.getUser(userName).hidden.delete(what.toLowerCase());
  }
}
