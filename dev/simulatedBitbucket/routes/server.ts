/**
 * About the server itself: its version and its rate limit.
 * Source: Bitbucket Data Center 10.0 OpenAPI.
 */
import { BitbucketException, notPermitted } from '../errors';
import type { SimulatedUser } from '../users';
import { type Reply, type Route, type RouteContext, jsonReply } from './route';

/** The shipped defaults, shown where no limit is set. */
const SHIPPED_SETTINGS = { capacity: 60, fillRate: 5 };

function answerApplicationProperties({ settings }: RouteContext): Reply {
  const [major = '0', minor = '0', patch = '0'] = settings.version.split('.');
  return jsonReply(
    JSON.stringify({
      version: settings.version,
      buildNumber: [major, minor.padStart(3, '0'), patch.padStart(3, '0')].join(''),
      buildDate: '1718000000000',
      displayName: 'Bitbucket',
    }),
  );
}

function requireReader({ viewer, rateLimit }: RouteContext): SimulatedUser {
  if (!viewer.user || rateLimit.options?.settingsReadable === false) {
    throw notPermitted();
  }
  return viewer.user;
}

function answerRateLimitSettings(context: RouteContext): Reply {
  requireReader(context);
  const { options } = context.rateLimit;
  const { capacity, fillRate } = options ?? SHIPPED_SETTINGS;
  return jsonReply(
    JSON.stringify({
      enabled: options !== undefined,
      defaultSettings: { capacity, fillRate },
    }),
  );
}

/** Allowed for an administrator and for the user itself. */
function answerUserRateLimitSettings(context: RouteContext): Reply {
  const { model, rateLimit, json, params } = context;
  const reader = requireReader(context);
  const slug = params.userSlug?.toLowerCase() ?? '';
  if (!reader.admin && reader.slug !== slug) {
    throw notPermitted();
  }
  const user = model.users.get(slug);
  if (!user) {
    throw new BitbucketException('NoSuchUserException', `User ${slug} does not exist.`);
  }
  const own = rateLimit.options?.users?.[user.name];
  const { capacity, fillRate } = own ?? rateLimit.options ?? SHIPPED_SETTINGS;
  return jsonReply(
    JSON.stringify({
      user: json.user(user.name),
      whitelisted: user.whitelisted,
      settings: { capacity, fillRate },
    }),
  );
}

/** The routes for the server itself. */
export const serverRoutes: readonly Route[] = [
  {
    template: '/api/latest/application-properties',
    kind: 'application-properties',
    query: [],
    open: true,
    answer: answerApplicationProperties,
  },
  {
    template: '/api/latest/admin/rate-limit/settings',
    kind: 'rate-limit-settings',
    query: [],
    answer: answerRateLimitSettings,
  },
  {
    template: '/api/latest/admin/rate-limit/settings/users/{userSlug}',
    kind: 'rate-limit-settings',
    query: [],
    answer: answerUserRateLimitSettings,
  },
];
