/** The process that measures the published module. */

import { BitbucketServerEntityProvider } from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import { measureProcess } from './measureProcess';

measureProcess(async ({ config, logger, connection }) => {
  let refresh: (() => Promise<void>) | undefined;
  const [provider] = BitbucketServerEntityProvider.fromConfig(config, {
    logger,
    schedule: {
      run: async task => {
        refresh = async () => task.fn(new AbortController().signal);
      },
    },
  });
  await provider?.connect(connection);
  if (!refresh) {
    throw new Error('the published module has scheduled nothing');
  }
  return { run: refresh };
});
