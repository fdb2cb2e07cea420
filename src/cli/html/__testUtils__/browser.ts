/** A headless browser for tests, if the machine has one. */

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Browser, BrowserContextOptions, chromium, Page } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Returns the browser that `CHROMIUM_PATH` names, or one in the usual places. */
export function findBrowser(): string | undefined {
  return [process.env.CHROMIUM_PATH ?? '', ...USUAL_PLACES].find(
    place => place !== '' && existsSync(place),
  );
}

/** No sandbox, since build machines run as root; no requests of the browser itself. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** An open page with its errors and requests. */
export interface OpenedPage {
  readonly page: Page;
  /** Errors and warnings on the console, thrown errors, violations of the policy. */
  readonly complaints: readonly string[];
  /** The addresses of all requests except the one for the page. */
  readonly requests: readonly string[];
}

/** Opens documents from files, like the recipient of a page. */
export class PageOpener {
  private last: Page | undefined;

  private constructor(
    private readonly browser: Browser,
    private readonly folder: string,
  ) {}

  static async start(executablePath: string): Promise<PageOpener> {
    const folder = await mkdtemp(path.join(tmpdir(), 'preview-page-'));
    return new PageOpener(
      await chromium.launch({ executablePath, args: ARGUMENTS }),
      folder,
    );
  }

  /** Opens a document, and closes the previous page. */
  async open(document: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
    const file = path.join(this.folder, 'preview.html');
    await writeFile(file, document, 'utf8');
    await this.last?.close();
    const page = await this.browser.newPage(options);
    this.last = page;
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') {
        complaints.push(message.text());
      }
    });
    page.on('pageerror', error => complaints.push(String(error)));
    const address = pathToFileURL(file).href;
    page.on('request', request => {
      if (request.url() !== address) {
        requests.push(request.url());
      }
    });
    await page.goto(address);
    return { page, complaints, requests };
  }

  async close(): Promise<void> {
    await this.browser.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
