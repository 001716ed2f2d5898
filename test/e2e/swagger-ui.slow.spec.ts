import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { collectComplaints, itInBrowser, startBrowser } from '../support/browser.js';
import { listOrders } from '../support/client.js';
import { startTestService, type TestService } from '../support/service.js';

let service: TestService;
let browser: Browser | undefined;
let complaints: string[] = [];

beforeAll(async () => {
  service = await startTestService();
  browser = await startBrowser('Swagger UI is not opened in a browser');
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await service.stop();
});

async function openDocs(): Promise<Page> {
  if (!browser) throw new Error('there is no browser');
  const page = await browser.newPage();
  complaints = collectComplaints(page);
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

/** Opens an operation and sends it with the prefilled values. @returns the status and the text that the page shows */
async function executeAsOffered(page: Page, operationId: string): Promise<[string, string]> {
  const operation = page.locator(`#operations-orders-${operationId}`);
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute', exact: true }).click();
  const response = operation.locator('.live-responses-table .response').first();
  await response.waitFor();
  const status = await response.locator('.response-col_status').textContent();
  return [status?.trim().slice(0, 3) ?? '', (await response.textContent()) ?? ''];
}

describe('Swagger UI', () => {
  itInBrowser.each([
    ['listOrders', 'carol@example.com'],
    // The page offers a file instead of showing it.
    ['exportOrders', 'Download file'],
  ])(
    'sends %s with the prefilled values and shows the orders of the service',
    async (operationId, shown) => {
      const items = [{ product_id: 'PROD001', quantity: 1 }];
      const order = { customer_name: 'Carol', customer_email: 'carol@example.com', items };
      await service.request('POST', '/orders', order);
      const page = await openDocs();
      const [status, text] = await executeAsOffered(page, operationId);
      expect(status).toBe('200');
      expect(text).toContain(shown);
      await page.close();
    },
    60_000,
  );

  itInBrowser(
    'prefills no order id, which would not exist',
    async () => {
      const page = await openDocs();
      const operation = page.locator('#operations-orders-getOrder');
      await operation.locator('.opblock-summary-control').click();
      await operation.getByRole('button', { name: 'Try it out' }).click();
      expect(await operation.locator('tr[data-param-name="id"] input').inputValue()).toBe('');
      await page.close();
    },
    60_000,
  );

  itInBrowser(
    'does not offer to try out the stream, whose response never ends',
    async () => {
      const page = await openDocs();
      const operation = page.locator('#operations-orders-streamOrders');
      await operation.locator('.opblock-summary-control').click();
      await operation.getByText('Last-Event-ID').first().waitFor();
      expect(await operation.getByRole('button', { name: 'Try it out' }).count()).toBe(0);
      expect(complaints).toEqual([]);
      await page.close();
    },
    60_000,
  );

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
    'places the example order unchanged',
    async () => {
      const page = await openDocs();
      const [status, text] = await tryItOut(page, (example) => example);
      // The text is compared along with the status, so that a failure shows the response.
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
