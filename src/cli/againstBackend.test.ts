/** The preview beside a running backend: the same counts, and exactly the differences. */

import { mockCredentials } from '@backstage/backend-test-utils';
import { z } from 'zod';
import { serve } from '../../dev/simulatedBitbucket';
import { eventually } from '../__testUtils__/eventually';
import { startCatalogBackend } from '../__testUtils__/testBackend';
import { appConfigFor } from '../__testUtils__/testProvider';
import discoveryModule from '../index';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { runCommand } from './__testUtils__/runCommand';
import { PreviewDocument } from './previewDocument';

const Discovery = z.object({
  status: z.string(),
  summary: z.record(z.string(), z.unknown()).optional(),
});

const FOUND_IN_DEMO = 45;

it('lists exactly what has changed in Bitbucket since the last run of a live backend', async () => {
  const bitbucket = createDemoBitbucket();
  await using _ = await serve(bitbucket);
  const appConfig = appConfigFor({ bitbucket, config: DEMO_PROVIDER });
  const backend = await startCatalogBackend(appConfig, discoveryModule);
  const preview = async () => {
    const { stdout, exitCode, stderr } = await runCommand(
      ['preview', '--json', '--against', backend.baseUrl],
      { bitbucket, appConfig, env: { BACKSTAGE_TOKEN: mockCredentials.user.token() } },
    );
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const document: PreviewDocument = JSON.parse(stdout);
    return document.providers[0];
  };
  try {
    const report = await eventually(async () => {
      const answer = await fetch(
        `${backend.baseUrl}/api/catalog/bitbucket-server/discoveries/default`,
      );
      const discovery = Discovery.parse(await answer.json());
      expect(discovery.status).toBe('succeeded');
      return discovery;
    });
    // Besides those that were found, the anchor.
    await backend.waitForEntities('kind=location', FOUND_IN_DEMO + 1);

    const before = await preview();
    expect(before?.against).toMatchObject({ added: [], removed: [], unchanged: 45 });
    expect(report.summary).toMatchObject({
      registered: before?.summary.registered,
      excluded: before?.summary.excluded,
      absent: before?.summary.absent,
      unknown: before?.summary.unknown,
      locations: before?.summary.locations,
      reasons: {
        excluded: before?.summary.reasons.excluded,
        absent: before?.summary.reasons.absent,
        unknown: before?.summary.reasons.unknown,
      },
    });

    bitbucket.writeFile('PAY', 'pay-service-1', 'catalog-info.yaml', 'kind: Component');
    bitbucket.removeFile('PAY', 'pay-service-4', 'catalog-info.yaml');
    bitbucket.renameRepository('SHOP', 'shop-service-4', 'checkout');
    bitbucket.deleteRepository('DATA', 'data-service-4');

    const targetOf = (path: string) =>
      `${bitbucket.baseUrl}/projects/${path}/browse/catalog-info.yaml`;
    expect((await preview())?.against).toMatchObject({
      added: [targetOf('PAY/repos/pay-service-1'), targetOf('SHOP/repos/checkout')],
      removed: [
        targetOf('DATA/repos/data-service-4'),
        targetOf('PAY/repos/pay-service-4'),
        targetOf('SHOP/repos/shop-service-4'),
      ],
      unchanged: 42,
    });
  } finally {
    await backend.stop();
  }
});
