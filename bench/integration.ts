/** The integration for the simulated server. Pure. */

import { Task } from './messages';

/** Returns an entry of `integrations.bitbucketServer`. */
export function toIntegration({ baseUrl, user }: Pick<Task, 'baseUrl' | 'user'>) {
  return {
    host: new URL(baseUrl).host,
    apiBaseUrl: `${baseUrl}/rest/api/1.0`,
    username: user.name,
    password: user.password,
  };
}
