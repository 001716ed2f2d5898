import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { makeApiKey } from '../../src/auth/api-key.js';
import { SCOPES } from '../../src/auth/access.js';
import { collectComplaints, startBrowser } from '../support/browser.js';
import { type Api, createApi } from '../support/client.js';
import { startTestService, type TestService } from '../support/service.js';

/** Session storage key of the credential. */
export const CREDENTIAL = 'order-console-credential';

/** Timeout of a page action: long enough for a loaded machine; an action that takes seconds is a fault. */
export const PATIENCE_MS = 15_000;

/** Timeout of one test in a browser. */
export const TEST_MS = 60_000;

const KEYS = {
  admin: makeApiKey('admin', [...SCOPES]),
  reader: makeApiKey('reader', ['orders:read:all']),
  operator: makeApiKey('operator', ['operations']),
};

export type Person = keyof typeof KEYS;

/** A page of the console, with the errors that the browser reported for it. */
export interface ConsolePage {
  page: Page;
  complaints: string[];
}

/** The row of an order in the list. */
export function rowOf(page: Page, orderId: string): Locator {
  return page.locator(`[data-row="${orderId}"]`);
}

/** The console of a service with authentication, in a real browser. */
export class TestConsole {
  private constructor(
    readonly service: TestService,
    private readonly browser: Browser | undefined,
    /** Calls the API as the admin, outside the console: as a colleague would. */
    readonly colleague: Api,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<TestConsole> {
    const entries = Object.values(KEYS).map(({ entry }) => entry);
    const service = await startTestService({
      settings: { AUTH: 'api-key', API_KEYS: JSON.stringify(entries), ...settings },
    });
    const colleague = createApi(service.url);
    colleague.use({ onRequest: ({ request }) => request.headers.set('x-api-key', KEYS.admin.key) });
    return new TestConsole(service, await startBrowser('the admin console is not opened in one'), colleague);
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    await this.service.stop();
  }

  keyOf(person: Person): string {
    return KEYS[person].key;
  }

  /** Opens a page below /admin in a fresh browser context. @param person who is signed in already */
  async open(path: string, person?: Person, options: BrowserContextOptions = {}): Promise<ConsolePage> {
    if (!this.browser) throw new Error('there is no browser');
    const viewport = { width: 1280, height: 800 };
    const context = await this.browser.newContext({ viewport, timezoneId: 'Europe/Berlin', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints = collectComplaints(page);
    if (person !== undefined) {
      await page.addInitScript(([name, key]) => sessionStorage.setItem(name, key), [
        CREDENTIAL,
        this.keyOf(person),
      ] as const);
    }
    await page.goto(`${this.service.url}/admin${path}`);
    return { page, complaints };
  }
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * @param isAboutColours whether only colour contrast is checked, as everything else was before
 * @returns the WCAG 2.2 AA violations of the page
 */
export async function findBarriers(page: Page, isAboutColours = false): Promise<string[]> {
  // Evaluated by the debugger, which the page's script policy does not restrict.
  await page.evaluate(AXE);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await page.evaluate(
    (runOnly) =>
      (globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({ runOnly }),
    isAboutColours ? { type: 'rule', values: ['color-contrast'] } : { type: 'tag', values: tags },
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** Saves screenshots for a person to look at, where a folder is given. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
