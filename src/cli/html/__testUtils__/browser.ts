/** A headless browser for tests, where the machine has one. */

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

/** What `CHROMIUM_PATH` names, or else what is in one of the usual places. */
export function findBrowser(): string | undefined {
  return [process.env.CHROMIUM_PATH ?? '', ...USUAL_PLACES].find(
    place => place !== '' && existsSync(place),
  );
}

/** No sandbox, since build machines run as root; nothing that asks the network by itself. */
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

/** A page and what went on in it. */
export interface OpenedPage {
  readonly page: Page;
  /** Errors and warnings on the console, what was thrown, what the policy refused. */
  readonly complaints: readonly string[];
  /** Addresses of all requests besides that for the page. */
  readonly requests: readonly string[];
}

/** Opens documents as files, as somebody does who was sent one. */
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

  /** Closes the page that was opened before. */
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
