/** How Backstage is told of the simulated server. Pure. */

import { Task } from './messages';

/** One of `integrations.bitbucketServer`. */
export function toIntegration({ baseUrl, user }: Pick<Task, 'baseUrl' | 'user'>) {
  return {
    host: new URL(baseUrl).host,
    apiBaseUrl: `${baseUrl}/rest/api/1.0`,
    username: user.name,
    password: user.password,
  };
}
