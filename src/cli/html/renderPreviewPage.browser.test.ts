import { Page } from 'playwright-core';
import { findBrowser, PageOpener } from './__testUtils__/browser';
import {
  hostileProvider,
  manyRepositories,
  preview,
  provider,
  REPOSITORIES,
} from './__testUtils__/previewData';
import { renderPreviewPage } from './renderPreviewPage';
import { COLORS } from './assets';

const executable = findBrowser();
if (executable === undefined) {
  console.log(
    'NOT CHECKED: the preview page in a browser, because there is no Chromium here (CHROMIUM_PATH names one).',
  );
}
const describeInBrowser = executable === undefined ? describe.skip : describe;
const TITLE =
  executable === undefined
    ? 'the page in a browser (skipped: no Chromium)'
    : 'the page in a browser';

const PHONE = { viewport: { width: 360, height: 740 } };
const LONG = 'a-name-without-any-place-to-break-it'.repeat(4);
const PAGE = renderPreviewPage(preview(provider()));
const TWO = renderPreviewPage(
  preview(provider(), provider({ providerId: 'labs', host: 'git.example.com' })),
);
const HOSTILE = renderPreviewPage(preview(hostileProvider()));
const LONG_NAMES = renderPreviewPage(
  preview(
    provider({
      providerId: LONG,
      host: `${LONG}.example.com`,
      status: 'failed',
      error: LONG,
      repositories: REPOSITORIES.map((repository, index) => ({
        ...repository,
        projectKey: LONG,
        repositorySlug: `${LONG}${index}`,
        detail: LONG,
        files: [{ path: LONG, targetUrl: `https://bitbucket.example.com/${LONG}` }],
      })),
      against: {
        url: `https://${LONG}.example.com`,
        added: [`https://bitbucket.example.com/${LONG}`],
        removed: [LONG],
        knownBy: 'entities',
        heldBack: [LONG],
        heldBackReason: LONG,
        unchanged: 0,
      },
    }),
  ),
);

describeInBrowser(TITLE, () => {
  let opener: PageOpener;

  beforeAll(async () => {
    opener = await PageOpener.start(executable ?? '');
  });

  afterAll(() => opener?.close());

  const getRows = (page: Page) => page.locator('tbody tr[data-outcome]:visible');
  // By attribute: finding a role among 10,000 rows takes seconds.
  const getSearchField = (page: Page) => page.locator('input[type=search]');
  const announced = (page: Page, text: string) =>
    page.locator('[role=status]', { hasText: new RegExp(`^${text}$`) }).waitFor();
  const getWidth = (page: Page) =>
    page.evaluate<number>('document.documentElement.scrollWidth');
  const getBackground = (page: Page) =>
    page.evaluate<string>('getComputedStyle(document.body).backgroundColor');

  it.each([
    ['one provider', PAGE],
    ['several', TWO],
    ['hostile names', HOSTILE],
    ['none', renderPreviewPage(preview())],
  ])('loads nothing and logs no error: %s', async (_, document) => {
    const { page, complaints, requests } = await opener.open(document);

    await page.getByRole('heading', { level: 1 }).waitFor();

    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
  });

  it('runs no script but its own, not even an injected one', async () => {
    const injected = PAGE.replace(
      '</main>',
      '<script>window.__pwned = 1</script><img src="https://evil.example.com/x" onerror="window.__pwned = 1"></main>',
    );
    const { page, complaints } = await opener.open(injected);

    expect(await page.evaluate('window.__pwned')).toBeUndefined();
    expect(complaints.join('\n')).toMatch(/inline script violates/);
    expect(complaints.join('\n')).toMatch(/evil\.example\.com\/x' violates/);
    await getSearchField(page).fill('web');
    await announced(page, '1 of 8 repositories shown');
  });

  it('shows hostile names unchanged', async () => {
    const { page, complaints } = await opener.open(HOSTILE);

    await page
      .getByRole('heading', { name: '<script>window.__pwned = 1</script>' })
      .waitFor();
    expect(await getRows(page).count()).toBe(5);
    for (const link of await page.locator('main a').all()) {
      expect(await link.getAttribute('href')).toMatch(
        /^(#p1-|https:\/\/bitbucket\.example\.com)/,
      );
    }
    await page.locator('a[data-search]').first().click();
    await getSearchField(page).fill('onerror=');
    await announced(page, '5 of 5 repositories shown');
    await page.getByRole('cell').first().hover();
    expect(await page.evaluate('window.__pwned')).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  it('filters the rows by text and announces how many are left', async () => {
    const { page } = await opener.open(PAGE);
    await announced(page, '8 repositories');

    await getSearchField(page).fill('pay/');
    await announced(page, '5 of 8 repositories shown');
    expect(await getRows(page).count()).toBe(5);

    await getSearchField(page).fill('  API  pay ');
    await announced(page, '1 of 8 repositories shown');
    expect(await getRows(page).getByRole('rowheader').textContent()).toBe('PAY/api');

    await getSearchField(page).fill('rate-limited');
    await announced(page, '1 of 8 repositories shown');
    expect(await getRows(page).getByRole('rowheader').textContent()).toBe('DATA/lake');

    await getSearchField(page).fill('');
    await announced(page, '8 repositories');
    expect(await getRows(page).count()).toBe(8);
  });

  it('filters the rows by outcome, also with the keyboard', async () => {
    const { page } = await opener.open(PAGE);

    await page.getByRole('radio', { name: 'Unknown' }).check();
    await announced(page, '2 of 8 repositories shown');
    await getSearchField(page).fill('lake');
    await announced(page, '1 of 8 repositories shown');

    await getSearchField(page).fill('');
    await getSearchField(page).press('Tab');
    await page.keyboard.press('ArrowUp');
    await announced(page, '2 of 8 repositories shown');
    expect(await page.getByRole('radio', { name: 'Absent' }).isChecked()).toBe(true);
    expect(await getRows(page).getByRole('rowheader').allTextContents()).toEqual([
      'PAY/new',
      'PAY/web',
    ]);
  });

  it('reports that nothing matches, and offers to show all rows again', async () => {
    const { page } = await opener.open(PAGE);

    await page.getByRole('radio', { name: 'Absent' }).check();
    await getSearchField(page).fill('no such thing');
    await announced(page, '0 of 8 repositories shown');
    await page.getByRole('button', { name: 'Show all again' }).click();

    await announced(page, '8 repositories');
    expect(await getRows(page).count()).toBe(8);
    expect(await page.getByText('Nothing matches').isVisible()).toBe(false);
  });

  it('links from a reason to exactly its repositories', async () => {
    const { page } = await opener.open(PAGE);

    await page.getByRole('link', { name: 'fork', exact: true }).click();

    // Not PAY/fork-lift, which only has the word in its name.
    await announced(page, '1 of 8 repositories shown');
    expect(await getRows(page).getByRole('rowheader').textContent()).toBe('~ANNA/api');
    await page.locator('input[type=search]:focus').waitFor();
  });

  it('filters only the rows of one provider', async () => {
    const { page } = await opener.open(TWO);

    await page
      .getByRole('search', { name: 'labs Repositories' })
      .getByRole('searchbox')
      .fill('web');

    await announced(page, '1 of 8 repositories shown');
    await announced(page, '8 repositories');
    expect(await getRows(page).count()).toBe(9);
  });

  it('stays a table for screen readers', async () => {
    const { page } = await opener.open(PAGE);
    const table = page.getByRole('table', { name: /^Every repository/ });

    expect(await table.getByRole('columnheader').allTextContents()).toEqual([
      'Repository',
      'Outcome',
      'Cause',
      'Remedy',
      'Files',
    ]);
    expect(await table.getByRole('rowheader').count()).toBe(8);
    await page
      .getByRole('img', { name: '2 registered, 2 excluded, 2 absent, 2 unknown' })
      .waitFor();
    await page.getByRole('img', { name: /^Requests per second\. On average/ }).waitFor();
  });

  it('is dark if the reader prefers that, and light on paper', async () => {
    const { page } = await opener.open(PAGE, { colorScheme: 'light' });
    const rgb = (color: string) =>
      `rgb(${[1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16)).join(', ')})`;

    expect(await getBackground(page)).toBe(rgb(COLORS.ground[0]));
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await getBackground(page)).toBe(rgb(COLORS.ground[1]));
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
    expect(await getBackground(page)).toBe('rgb(255, 255, 255)');
    expect(await page.getByRole('search').isVisible()).toBe(false);
  });

  it.each([
    ['usual', PAGE],
    ['long', LONG_NAMES],
    ['hostile', HOSTILE],
  ])('needs no horizontal scrolling on a phone: %s names', async (_, document) => {
    const { page } = await opener.open(document, PHONE);

    expect(await getWidth(page)).toBe(360);
    await getRows(page).last().scrollIntoViewIfNeeded();
    expect(await getWidth(page)).toBe(360);
  });

  it('needs no horizontal scrolling with long names on a desktop', async () => {
    const { page } = await opener.open(LONG_NAMES, {
      viewport: { width: 1000, height: 800 },
    });

    expect(await getWidth(page)).toBe(1000);
  });

  it('can be read without a script', async () => {
    const { page } = await opener.open(PAGE, { javaScriptEnabled: false });

    expect(await page.locator('tbody tr[data-outcome]').count()).toBe(8);
    expect(await getRows(page).last().isVisible()).toBe(true);
    expect(await getSearchField(page).isVisible()).toBe(false);
  });

  it('collapses rows with the same cause and remedy, and lets the reader open and close them', async () => {
    const alike = REPOSITORIES.slice(0, 1).flatMap(repository =>
      [...'abcdefgh'].map(name => ({ ...repository, repositorySlug: `alike-${name}` })),
    );
    const { page } = await opener.open(
      renderPreviewPage(preview(provider({ repositories: [...REPOSITORIES, ...alike] }))),
    );
    const unlike = await getRows(page).count();
    const button = page.locator('tr.group button');

    expect(unlike).toBeLessThan(8);
    expect(await button.getAttribute('aria-expanded')).toBe('false');
    await button.click();
    expect(await getRows(page).count()).toBe(16);
    expect(await button.getAttribute('aria-expanded')).toBe('true');
    await button.click();
    expect(await getRows(page).count()).toBe(unlike);

    await getSearchField(page).fill('alike-c');
    await announced(page, '1 of 16 repositories shown');
    expect(await getRows(page).getByRole('rowheader').textContent()).toMatch(/alike-c$/);
  });

  it('finds one repository among 10,000 collapsed ones', async () => {
    const many = provider({ repositories: manyRepositories(10_000) });
    const { page, complaints } = await opener.open(renderPreviewPage(preview(many)));

    await announced(page, '10,000 repositories');
    expect(await getRows(page).count()).toBeLessThan(100);
    await getSearchField(page).fill('service-09876');
    await announced(page, '1 of 10,000 repositories shown');
    expect(await getRows(page).count()).toBe(1);
    expect(complaints).toEqual([]);
  });
});
