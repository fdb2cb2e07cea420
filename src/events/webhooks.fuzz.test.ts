import { createHmac } from 'node:crypto';
import { mockServices } from '@backstage/backend-test-utils';
import { RequestDetails, RequestRejectionDetails } from '@backstage/plugin-events-node';
import fc from 'fast-check';
import {
  expectNoPollution,
  FUZZ_RUNS,
  hostileValues,
  arbitraryMutation,
  PROTOTYPE_NAMES,
} from '../__testUtils__/hostileData';
import { isAddressable } from '../util/text';
import { pushPayload, repositoryPayload } from './__testUtils__/payloads';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { createWebhookValidator } from './eventsModule';
import { findEventKey, REPOSITORY_EVENT_KEYS, WEBHOOK_TOPIC } from './webhookTopics';

const PAYLOADS = [
  pushPayload(),
  { repository: repositoryPayload() },
  { old: repositoryPayload({ slug: 'old' }), new: repositoryPayload() },
  { old: { key: 'OLD', id: 1 }, new: { key: 'PAY', id: 1 } },
];

const payloads = fc.oneof(...PAYLOADS.map(arbitraryMutation), hostileValues);
const eventKeys = fc.constantFrom(
  ...REPOSITORY_EVENT_KEYS,
  'project:modified',
  'diagnostics:ping',
  ...PROTOTYPE_NAMES,
);

/** The addresses and branches that what was read leads to. */
function namesIn(analysis: unknown): string[] {
  if (typeof analysis !== 'object' || analysis === null) {
    return [];
  }
  return Object.entries(analysis).flatMap(([key, value]) =>
    typeof value === 'string' && ['projectKey', 'slug', 'branch'].includes(key)
      ? [value]
      : namesIn(value),
  );
}

it('reads any nearly valid payload, and only values that can exist in Bitbucket', () => {
  let changes = 0;
  fc.assert(
    fc.property(eventKeys, payloads, (key, payload) => {
      const analysis = analyzeWebhookEvent(key, payload);
      changes += analysis.kind === 'change' ? 1 : 0;
      for (const name of namesIn(analysis)) {
        expect(isAddressable(name)).toBe(true);
        expect(name.split('/')).not.toContain('..');
      }
      expectNoPollution();
    }),
    { numRuns: 4 * FUZZ_RUNS },
  );
  // Or it would be mostly noise that is fed.
  expect(changes).toBeGreaterThan(FUZZ_RUNS / 10);
});

it('finds the key of an event among any headers and topics', () => {
  const metadata = fc.oneof(
    hostileValues,
    fc.dictionary(
      fc.constantFrom('x-event-key', 'X-Event-Key', ...PROTOTYPE_NAMES),
      hostileValues,
    ),
  );
  const topics = fc.oneof(
    fc.constantFrom(WEBHOOK_TOPIC, `${WEBHOOK_TOPIC}.repo:forked`, '__proto__'),
    fc.string(),
  );
  fc.assert(
    fc.property(topics, metadata, payloads, (topic, headers, payload) => {
      const key = findEventKey(topic, headers, payload);
      expect(key ?? 'none').toMatch(/^[\w:.-]+$/);
      expectNoPollution();
    }),
    { numRuns: FUZZ_RUNS },
  );
});

const SECRET = 'correct horse';

/** What the check answers; it lets through where that is nothing. */
async function validate(body: unknown, text: string, headers: RequestDetails['headers']) {
  const rejections: (Partial<RequestRejectionDetails> | undefined)[] = [];
  const validator = createWebhookValidator({
    secrets: [SECRET],
    logger: mockServices.logger.mock(),
  });
  const raw = { body: Buffer.from(text), encoding: 'utf-8' as const };
  await validator(
    { body, headers, query: {}, raw },
    { reject: details => rejections.push(details) },
  );
  return rejections.map(rejection => rejection?.status);
}

const sign = (text: string) =>
  `sha256=${createHmac('sha256', SECRET).update(text).digest('hex')}`;

const signatures = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('sha256=', `sha256=${'0'.repeat(64)}`, ...PROTOTYPE_NAMES),
  fc.stringMatching(/^sha256=[0-9a-f]{64}$/),
  fc.array(fc.string(), { maxLength: 3 }),
  fc.constant(undefined),
);

it('refuses every unsigned body, whatever is in place of the signature', async () => {
  await fc.assert(
    fc.asyncProperty(payloads, signatures, async (body, signature) => {
      const headers = {
        'x-hub-signature': signature,
        'x-event-key': 'repo:refs_changed',
      };
      expect(await validate(body, 'any text', headers)).toEqual([403]);
      expectNoPollution();
    }),
    { numRuns: FUZZ_RUNS },
  );
});

it('accepts a signed body, unless it is too deep to be published', async () => {
  const statuses = new Set<number | undefined>();
  await fc.assert(
    fc.asyncProperty(payloads, fc.string({ unit: 'binary' }), async (body, text) => {
      const answer = await validate(body, text, { 'x-hub-signature': sign(text) });
      expect([[], [400]]).toContainEqual(answer);
      statuses.add(answer[0]);
      if (answer.length === 0) {
        expect(() => JSON.stringify(body)).not.toThrow();
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
  expect([...statuses].sort()).toEqual([400, undefined]);
});

it('refuses a body or a signature with one changed bit', async () => {
  const bodies = fc.string({ unit: 'binary', minLength: 1 });
  await fc.assert(
    fc.asyncProperty(bodies, fc.nat(), fc.nat(63), async (text, at, digit) => {
      const signature = sign(text);
      const changed = Buffer.from(text);
      const index = at % changed.length;
      changed[index] = (changed[index] ?? 0) ^ 1;
      const forged = [...signature];
      const place = 'sha256='.length + digit;
      forged[place] = forged[place] === '0' ? '1' : '0';
      const headers = (value: string) => ({ 'x-hub-signature': value });
      expect(await validate({}, text, headers(signature))).toEqual([]);
      expect(await validate({}, text, headers(forged.join('')))).toEqual([403]);
      const bytes = changed.toString('latin1');
      expect(await validate({}, bytes, headers(sign(bytes)))).toEqual([]);
      expect(await validate({}, bytes, headers(signature))).toEqual([403]);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
