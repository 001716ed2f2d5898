import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { clearFaults, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { setStatus, type WithApi } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually } from '../support/service.js';
import { TEST_MS, TestConsole } from './console.js';

const HOUR_MS = 3_600_000;

/** Upper bound for the age of figures: the page polls every 15 s, and the service caches them for 10 s. */
const FIGURES_MS = 30_000;

let tested: TestConsole;
let colleague: WithApi;

beforeAll(async () => {
  // The inventory is not idempotent, so a lost response leaves the stock in doubt.
  tested = await TestConsole.start({ INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' });
  colleague = { api: tested.colleague };
}, TEST_MS);
afterAll(async () => {
  clearFaults(tested.service.sandbox);
  await tested.stop();
});

describe('incidents page', () => {
  itInBrowser(
    'counts the notifications that are being retried instead of saying that all is well',
    async () => {
      const { notification } = tested.service.sandbox.services;
      notification.faults.add({ kind: 'status', status: 503 });
      await placeOrder(colleague, orderBody([line(newProduct(tested.service.sandbox))]));
      await eventually(() => notification.calls.all().length > 0);
      const { page } = await tested.open('/incidents', 'operator');
      await page.getByText('No open incidents').waitFor();
      await page.getByText('1 message to customers is still waiting').waitFor({ timeout: FIGURES_MS });
      expect(await page.getByText('put right').count()).toBe(0);
      await page.context().close();
      clearFaults(tested.service.sandbox);
    },
    TEST_MS,
  );
});

describe('incidents page of a service that stops', () => {
  itInBrowser(
    'stops saying that there are no incidents',
    async () => {
      const { page } = await tested.open('/orders', 'admin');
      await page.getByRole('link', { name: 'Incidents' }).click();
      await page.getByRole('heading', { name: 'Incidents' }).waitFor();
      await page.route('**/operations/**', (route) => route.abort('connectionrefused'));
      await page.getByRole('link', { name: 'Orders' }).click();
      // Longer than the page counts what it read as fresh.
      await page.waitForTimeout(6_000);
      await page.getByRole('link', { name: 'Incidents' }).click();
      await page.getByText('The service could not be reached').waitFor();
      expect(await page.getByText('No open incidents').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('texts of the page of an order', () => {
  itInBrowser(
    'show stock in doubt beside the finished task, with the decision that is needed',
    async () => {
      const { inventory } = tested.service.sandbox.services;
      const product = newProduct(tested.service.sandbox);
      const id = await placeOrder(colleague, orderBody([line(product, 2)]));
      inventory.faults.add({ kind: 'status', status: 500, when: 'after', method: 'PUT', times: 1 });
      await setStatus(colleague, id, 'cancelled', 'Not wanted');
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByText('finished, stock in doubt').waitFor();
      await page.getByRole('link', { name: 'needs a decision' }).click();
      const incidents = page.getByRole('region', { name: 'Needs a decision' });
      await incidents.getByText(`2 × ${product}, line 1`).waitFor();
      await incidents.getByRole('button', { name: 'Write off' }).click();
      await page.getByLabel('Reason').fill('Counted: the units are on the shelf');
      await page.getByRole('dialog').getByRole('button', { name: 'Write off' }).click();
      await incidents.waitFor({ state: 'detached' });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'do not claim that no message was sent when no delivery is recorded',
    async () => {
      const [id = ''] = await insertOrders(tested.service.database, 1, {
        from: new Date(Date.now() - 48 * HOUR_MS),
      });
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByText('Earlier versions of the service kept completed messages').waitFor();
      expect(await page.getByText('None yet').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'link from a customer id in the address to the orders of that customer',
    async () => {
      const body = orderBody([line(newProduct(tested.service.sandbox))], { customer_id: 'customer/77' });
      const id = await placeOrder(colleague, body);
      const { page, complaints } = await tested.open('/orders/customer%2F77', 'admin');
      await page.getByText('This is a customer id, not an order id').waitFor();
      await page.getByRole('link', { name: 'Show the orders of customer customer/77' }).click();
      await page.locator(`[data-row="${id}"]`).waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser.each(['stream', 'export', 'bulk-status'])(
    'say that the word %s of the API is not an order id',
    async (word) => {
      const { page } = await tested.open(`/orders/${word}`, 'admin');
      await page
        .getByRole('heading', { level: 1, name: 'This is not an order id' })
        .waitFor({ timeout: 5_000 });
      await page.getByRole('link', { name: `Search the orders for ${word}` }).click();
      await page.getByText('No orders match these filters').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'do not report a change from another tab of the same person as a conflict',
    async () => {
      const id = await placeOrder(colleague, orderBody([line(newProduct(tested.service.sandbox))]));
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('button', { name: 'Mark as shipped' }).click();
      await setStatus(colleague, id, 'shipped');
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as shipped' }).click();
      await page.getByText('Nothing was changed').waitFor();
      expect(await page.getByText('Your change was made').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'shorten ids so that orders of the same moment differ, and copy the whole id',
    async () => {
      const moment = new Date(Date.now() - HOUR_MS);
      const ids = await insertOrders(tested.service.database, 3, { from: moment, customerId: 'same-moment' });
      const { page } = await tested.open('/orders?q=same-moment', 'admin');
      await page.getByText('3 orders').waitFor();
      const links = page.locator('[data-row] [data-open]');
      const seen = await links.evaluateAll((all) =>
        all.map((link) => {
          const { innerText, textContent } = link as unknown as { innerText: string; textContent: string };
          return { innerText, textContent };
        }),
      );
      expect(seen.map(({ textContent }) => textContent).toSorted()).toEqual(ids.toSorted());
      const tails = new Set(ids.map((id) => id.slice(-8)));
      expect(tails.size).toBe(3);
      const { width } = (await links.first().boundingBox()) ?? { width: 0 };
      // Both ends and the ellipsis: about half of the 36 characters.
      expect(width).toBeLessThan(180);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('figures in the console', () => {
  itInBrowser(
    'link to the orders that they count, with the time window',
    async () => {
      const old = new Date(Date.now() - 5 * HOUR_MS);
      await insertOrders(tested.service.database, 4, { status: 'failed', from: old });
      await insertOrders(tested.service.database, 2, {
        status: 'failed',
        from: new Date(Date.now() - 60_000),
      });
      const { page } = await tested.open('/health', 'admin');
      await page.getByRole('link', { name: 'failed' }).click({ timeout: FIGURES_MS });
      await page.getByText('2 orders').waitFor();
      await page.goto(`${tested.service.url}/admin/health?window=day`);
      await page.getByRole('link', { name: 'failed' }).click();
      await page.getByText('6 orders').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('chart of many orders', () => {
  itInBrowser(
    'shows whole axis numbers, and marks estimated figures',
    async () => {
      const { page } = await tested.open('/health');
      await page.route('**/operations/figures*', async (route) => {
        const response = await route.fetch();
        const figures = (await response.json()) as { is_estimate: boolean; points: { placed: number }[] };
        figures.is_estimate = true;
        for (const point of figures.points) point.placed = 250_000;
        await route.fulfill({ response, json: figures });
      });
      await page.getByLabel('API key or access token').fill(tested.keyOf('operator'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('≈ 15,000,000').waitFor();
      // Room for seven digits of 12 px and the tick.
      const left = await page
        .locator('.chart .u-over')
        .evaluate((plot) => (plot as unknown as { offsetLeft: number }).offsetLeft);
      expect(left).toBeGreaterThanOrEqual(60);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('state of an upstream service in the console', () => {
  itInBrowser(
    'is not "responds" when it returns 503 to every request',
    async () => {
      const { notification } = tested.service.sandbox.services;
      notification.faults.add({ kind: 'status', status: 503 });
      const before = notification.calls.all().length;
      await placeOrder(colleague, orderBody([line(newProduct(tested.service.sandbox))]));
      await eventually(() => notification.calls.all().length > before);
      const { page } = await tested.open('/health', 'operator');
      await page
        .getByText(/notification service (failed on the last call|does not respond)/)
        .waitFor({ timeout: FIGURES_MS });
      await page.getByText('inventory service responds').waitFor();
      await page.context().close();
      clearFaults(tested.service.sandbox);
    },
    TEST_MS,
  );
});

describe('search in the console', () => {
  itInBrowser(
    'explains what it finds when no order matches',
    async () => {
      const { page } = await tested.open('/orders?q=missing%40exam', 'admin');
      await page.getByText('No orders match these filters').waitFor();
      await page.getByText('The search finds parts of names').waitFor();
      expect(await page.getByText('Search for less').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('export that the service does not answer', () => {
  itInBrowser(
    'is not retried by the page, and the message promises no retry',
    async () => {
      const { page } = await tested.open('/orders', 'admin');
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
      await page.route(/\/orders\/export/, (route) => route.abort('connectionrefused'));
      await page.getByText('Export', { exact: true }).click();
      await page.getByRole('button', { name: 'CSV, for spreadsheets' }).click();
      await page.getByText('The service could not be reached').waitFor();
      await page.getByText('Nothing was saved').waitFor();
      expect(await page.getByText(/retries automatically|tries again by itself/).count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );
});
