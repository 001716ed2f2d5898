import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { getOrder, setStatus, type WithApi } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually } from '../support/service.js';
import { rowOf, TEST_MS, TestConsole } from './console.js';

let tested: TestConsole;
let colleague: WithApi;
let product = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  product = newProduct(tested.service.sandbox, 1_000_000);
}, TEST_MS);
afterAll(() => tested.stop());

const place = (customer: string): Promise<string> =>
  placeOrder(colleague, orderBody([line(product)], { customer_id: customer }));

/** Holds back answers to bulk changes until `release` is called. */
async function holdBulk(page: Page): Promise<{ release: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route('**/orders/bulk-status', async (route) => {
    await promise;
    await route.continue();
  });
  return { release: resolve };
}

describe('what is selected is what is acted upon', () => {
  itInBrowser(
    'so an order that leaves the filter leaves the selection',
    async () => {
      const id = await place('leaver');
      const { page } = await tested.open('/orders?status=confirmed&q=leaver', 'admin');
      await rowOf(page, id).getByRole('checkbox').check();
      await page.getByText('Live', { exact: true }).waitFor();
      await setStatus(colleague, id, 'processing');
      await rowOf(page, id).waitFor({ state: 'detached' });
      await page.getByText(/\d selected/).waitFor({ state: 'detached' });
      await page.locator('body').press('s');
      expect(await page.getByRole('dialog').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'so the dialog closes when the filter behind it changes',
    async () => {
      const id = await place('backer');
      const { page } = await tested.open('/orders?q=backer&status=delivered', 'admin');
      await page.getByText('No order matches these filters').waitFor();
      await page.getByRole('combobox', { name: 'Status' }).selectOption('confirmed');
      await rowOf(page, id).getByRole('checkbox').check();
      await page.locator('body').press('s');
      await page.getByRole('dialog').waitFor();
      await page.goBack();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect((await getOrder(colleague, id)).status).toBe('confirmed');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'and a change that has begun stays in sight on every page, with its result',
    async () => {
      const id = await place('walker');
      const { page } = await tested.open('/health', 'admin');
      await page.getByRole('link', { name: 'Orders' }).click();
      await rowOf(page, id).getByRole('checkbox').check();
      await page.locator('body').press('s');
      const held = await holdBulk(page);
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).click();
      await page.getByText('Under way: 0 of 1').waitFor();
      await page.goBack();
      await page.getByRole('heading', { name: 'Health' }).waitFor();
      expect(await page.getByText('Under way: 0 of 1').count()).toBe(1);
      held.release();
      await page.getByText('Done: 1 of 1').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'and orders that are selected on another page are counted as such',
    async () => {
      await insertOrders(tested.service.database, 60, { customerId: 'pager', status: 'confirmed' });
      const { page } = await tested.open('/orders?q=pager&rows=50', 'admin');
      await page.locator('[data-row]').first().getByRole('checkbox').check();
      await page.getByRole('button', { name: 'Older' }).click();
      await page.getByText('1 selected, 1 of them not on this page').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('a bulk change without a network', () => {
  itInBrowser(
    'says that nothing was sent, and is not made when the network returns',
    async () => {
      const id = await place('tunnel');
      const { page } = await tested.open('/orders?q=tunnel', 'admin');
      await rowOf(page, id).getByRole('checkbox').check();
      await page.locator('body').press('s');
      await page.getByRole('dialog').waitFor();
      await page.context().setOffline(true);
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).click();
      await page.getByText('Nothing was sent or changed').waitFor();
      await page.context().setOffline(false);
      await page.waitForTimeout(4_000);
      expect((await getOrder(colleague, id)).status).toBe('confirmed');
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('the indicator', () => {
  itInBrowser(
    'stops saying "Live" soon after the service is gone',
    async () => {
      const { page } = await tested.open('/orders', 'admin');
      await page.getByText('Live', { exact: true }).waitFor();
      await page.route('**/orders/stream', (route) => route.abort('connectionrefused'));
      tested.service.app.getHttpServer().closeAllConnections();
      await page.getByText('Connecting …', { exact: true }).waitFor({ timeout: 5_000 });
      await page.unroute('**/orders/stream');
      await eventually(async () => (await page.getByText('Live', { exact: true }).count()) === 1, 15_000);
      await page.context().close();
    },
    TEST_MS,
  );
});
