/** Takes the picture of the preview page in the README; `npm run docs:image`, with Chromium. */

import path from 'node:path';
import { findBrowser, PageOpener } from '../src/cli/html/__testUtils__/browser';
import { runCommand } from '../src/cli/__testUtils__/runCommand';
import { TEST_USER } from '../src/__testUtils__/testProvider';
import { seed, seedOtherKinds } from './seed';
import { createSimulatedBitbucket } from './simulatedBitbucket';

const IMAGE = path.resolve(__dirname, '..', 'docs', 'images', 'preview.png');
/** Shows the summary and the outcomes, and nothing of the list below. */
const VIEWPORT = { width: 1180, height: 640 };

async function main(): Promise<void> {
  const executable = findBrowser();
  if (executable === undefined) {
    throw new Error('Chromium was not found: set CHROMIUM_PATH to it');
  }
  const bitbucket = createSimulatedBitbucket({
    baseUrl: 'https://bitbucket.example.com',
    users: [TEST_USER],
  });
  seed(bitbucket);
  seedOtherKinds(bitbucket);
  const filters = {
    exclude: { repoSlug: '^sandbox-' },
    skipArchivedRepos: true,
    skipForkedRepos: true,
  };
  const { stderr, written } = await runCommand(['preview', '--html', 'preview.html'], {
    bitbucket,
    provider: { filters, search: 'off', rateLimit: { requestsPerSecond: 20, burst: 60 } },
  });
  const html = written.get('preview.html');
  if (html === undefined) {
    throw new Error(`The preview has failed: ${stderr}`);
  }
  const opener = await PageOpener.start(executable);
  try {
    const { page } = await opener.open(html, { viewport: VIEWPORT });
    await page.screenshot({ path: IMAGE });
  } finally {
    await opener.close();
  }
}

main().catch(error => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
