import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { listOrders } from '../support/client.js';
import { startTestService, type TestService } from '../support/service.js';

/** As root the sandbox of the browser can't work, and no test of this service needs anything from the internet. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The first browser that there is; undefined where none is installed. */
function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const given = process.env['CHROMIUM_PATH'];
  const places = [
    ...(given ? [given] : []),
    '/usr/bin/chromium',
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const browser = findBrowser();
if (browser === undefined) {
  process.stderr.write('SKIPPED: no Chromium is installed, so Swagger UI is not opened in a browser\n');
}
const itInBrowser = browser === undefined ? it.skip : it;

let service: TestService;
let profile: string;
let context: BrowserContext | undefined;
const complaints: string[] = [];

beforeAll(async () => {
  service = await startTestService();
  if (browser === undefined) return;
  // A profile of its own, so that nothing of the user's browser is seen or changed.
  profile = await mkdtemp(join(tmpdir(), 'order-test-chromium-'));
  context = await chromium.launchPersistentContext(profile, {
    executablePath: browser,
    headless: true,
    args: ARGUMENTS,
  });
}, 60_000);

afterAll(async () => {
  await context?.close();
  if (profile) await rm(profile, { recursive: true, force: true });
  await service.stop();
});

async function openDocs(): Promise<Page> {
  if (!context) throw new Error('there is no browser');
  complaints.length = 0;
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} at ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} could not be loaded`));
  await page.goto(`${service.url}/docs`);
  return page;
}

/** Executes `POST /orders` in the page. @returns the status and the text that the page then shows */
async function tryItOut(page: Page, change: (example: object) => object): Promise<[string, string]> {
  const operation = page.locator('#operations-orders-placeOrder');
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  const editor = operation.locator('textarea.body-param__text');
  const example = JSON.parse(await editor.inputValue()) as object;
  await editor.fill(JSON.stringify(change(example)));
  await operation.getByRole('button', { name: 'Execute', exact: true }).click();
  const response = operation.locator('.live-responses-table .response').first();
  await response.waitFor();
  const status = await response.locator('.response-col_status').textContent();
  return [status?.trim().slice(0, 3) ?? '', (await response.textContent()) ?? ''];
}

describe('Swagger UI', () => {
  itInBrowser(
    'places an order through "Try it out"',
    async () => {
      const page = await openDocs();
      const items = [{ product_id: 'PROD004', quantity: 2, price: 49.99 }];
      const adapted = { items, expected_total: 99.98, customer_name: 'Bob' };
      const [status, text] = await tryItOut(page, (example) => ({ ...example, ...adapted }));
      expect(status).toBe('201');
      expect(text).toContain('confirmed');
      const body = await listOrders(service, { product_id: 'PROD004' });
      expect(body).toMatchObject({ count: 1, orders: [{ status: 'confirmed', customer_name: 'Bob' }] });
      expect(complaints).toEqual([]);
      await page.close();
    },
    60_000,
  );

  itInBrowser(
    'places the order that it offers as an example, as it stands',
    async () => {
      const page = await openDocs();
      const [status, text] = await tryItOut(page, (example) => example);
      // The text is compared along with the status, so that a failure shows what was answered.
      expect([status, text]).toEqual(['201', text]);
      await page.close();
    },
    60_000,
  );

  itInBrowser(
    'shows every call of both systems',
    async () => {
      const page = await openDocs();
      await page.locator('.opblock').first().waitFor();
      const paths = await page.locator('.opblock-summary-path').allTextContents();
      const shown = new Set(paths.map((path) => path.replaceAll(/\s|\u200b/g, '')));
      for (const path of ['/health', '/orders', '/orders/{id}', '/orders/{order_id}/events']) {
        expect(shown).toContain(path);
      }
      expect(complaints).toEqual([]);
      await page.close();
    },
    60_000,
  );

  it('offers its document at /docs-json', async () => {
    const { status, body } = await service.request('GET', '/docs-json');
    expect([status, body.info.title]).toEqual([200, 'Order Service']);
    expect(Object.keys(body.paths['/orders'])).toEqual(expect.arrayContaining(['get', 'post']));
  });
});
