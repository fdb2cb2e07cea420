/** An app with its own URL reader service, which does not use readers of other packages. */

import { urlReaderServiceFactory } from '@backstage/backend-defaults/urlReader';
import { mockServices } from '@backstage/backend-test-utils';
import { startBackend } from '../src/__testUtils__/startBackend';
import { createLogRecorder } from '../src/__testUtils__/testProvider';
import urlReader from '../src/urlReaderEntry';

const INTEGRATION = {
  host: 'bitbucket.example.com',
  apiBaseUrl: 'https://bitbucket.example.com/rest/api/1.0',
};

it('a backend with another URL reader logs that the feature has no effect, and starts', async () => {
  const logger = createLogRecorder();
  const backend = await startBackend({
    config: { integrations: { bitbucketServer: [INTEGRATION] } },
    features: [
      urlReader,
      mockServices.urlReader.mock().factory,
      mockServices.logger.mock({ warn: logger.warn, child: logger.child }).factory,
    ],
  });
  await backend.stop();

  const warnings = logger
    .messages('warn')
    .filter(message => message.includes('URL reader'));
  expect(warnings).toEqual([
    expect.stringMatching(/has no effect: this app has its own URL reader service/),
  ]);
});

it('a backend with another URL reader does not start with keys of the reader that cannot work', async () => {
  const config = { backend: { reading: { bitbucketServer: { maxAgee: '1 hour' } } } };
  await expect(
    startBackend({ config, features: [urlReader, urlReaderServiceFactory] }),
  ).rejects.toThrow(/bitbucketServer\.maxAgee is not a known key; did you mean maxAge/);
});
