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

/** Delays responses to bulk changes until `release` is called. */
async function holdBulk(page: Page): Promise<{ release: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route('**/orders/bulk-status', async (route) => {
    await promise;
    await route.continue();
  });
  return { release: resolve };
}

describe('selection of orders', () => {
  itInBrowser(
    'drops an order that leaves the filter',
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
    'closes the dialog when the filter behind it changes',
    async () => {
      const id = await place('backer');
      const { page } = await tested.open('/orders?q=backer&status=delivered', 'admin');
      await page.getByText('No orders match these filters').waitFor();
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
    'keeps a running bulk change and its result visible on every page',
    async () => {
      const id = await place('walker');
      const { page } = await tested.open('/health', 'admin');
      await page.getByRole('link', { name: 'Orders' }).click();
      await rowOf(page, id).getByRole('checkbox').check();
      await page.locator('body').press('s');
      const held = await holdBulk(page);
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).click();
      await page.getByText('In progress: 0 of 1').waitFor();
      await page.goBack();
      await page.getByRole('heading', { name: 'Health' }).waitFor();
      expect(await page.getByText('In progress: 0 of 1').count()).toBe(1);
      held.release();
      await page.getByText('Done: 1 of 1').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'counts the selected orders of other pages',
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

describe('page of the list of orders', () => {
  itInBrowser(
    'links to the newest orders and to no previous page when it was opened by its address',
    async () => {
      await insertOrders(tested.service.database, 120, { customerId: 'linked', status: 'confirmed' });
      const { page } = await tested.open('/orders?q=linked&rows=50', 'admin');
      await page.getByRole('button', { name: 'Older' }).click();
      await page.waitForURL(/cursor=/);
      await page.getByRole('button', { name: 'Older' }).click();
      await page.getByText('20 of 120 orders').waitFor();
      expect(await page.getByRole('button', { name: 'Newer' }).isEnabled()).toBe(true);
      const other = await tested.open(page.url().split('/admin')[1] ?? '', 'admin');
      await other.page.getByText('20 of 120 orders').waitFor();
      expect(await other.page.getByRole('button', { name: 'Newer' }).isDisabled()).toBe(true);
      await other.page.locator('body').press('p');
      expect(other.page.url()).toBe(page.url());
      await other.page.getByRole('button', { name: 'Newest' }).click();
      await other.page.getByText('1–50 of 120 orders').waitFor();
      await page.getByRole('button', { name: 'Newer' }).click();
      await page.getByText('50 of 120 orders').waitFor();
      await other.page.context().close();
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('bulk change while offline', () => {
  itInBrowser(
    'reports that no request was sent, and does not send it after the network returns',
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

describe('live indicator', () => {
  itInBrowser(
    'stops showing "Live" soon after the service is gone',
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

describe('interrupted bulk change', () => {
  itInBrowser(
    'reports which orders were changed and which outcomes are unknown',
    async () => {
      await insertOrders(tested.service.database, 120, { customerId: 'interrupted', status: 'confirmed' });
      const { page } = await tested.open('/orders?q=interrupted&rows=200', 'admin');
      await page.getByText('120 orders').waitFor();
      await page.getByLabel('Select all orders of this page').check();
      await page.locator('body').press('s');
      const first = page.waitForResponse('**/orders/bulk-status');
      const offline = Promise.withResolvers<undefined>();
      let calls = 0;
      await page.route('**/orders/bulk-status', async (route) => {
        calls += 1;
        if (calls > 1) {
          await offline.promise;
          return route.abort('internetdisconnected');
        }
        await route.fulfill({ response: await route.fetch() });
        await page.context().setOffline(true);
        return offline.resolve(undefined);
      });
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 120 as' }).click();
      await first;
      await page.getByText('You were offline').waitFor();
      await page.getByText('100 changed').waitFor();
      await page.getByText('The other 20 orders were not changed').waitFor();
      expect(await page.getByText('Nothing was sent or changed').count()).toBe(0);
      expect(await page.getByText('may or may not have been changed').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'asks for confirmation before the tab is closed',
    async () => {
      const id = await place('closer');
      const { page } = await tested.open('/orders?q=closer', 'admin');
      await rowOf(page, id).getByRole('checkbox').check();
      await page.locator('body').press('s');
      const held = await holdBulk(page);
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).click();
      await page.getByRole('button', { name: 'Stop' }).waitFor();
      const asked = page.waitForEvent('dialog');
      await page.close({ runBeforeUnload: true });
      const question = await asked;
      expect(question.type()).toBe('beforeunload');
      await question.dismiss();
      held.release();
      await page.getByText('Done: 1 of 1').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('selection of a signed-in person', () => {
  itInBrowser(
    'is cleared by signing out',
    async () => {
      const id = await place('leaving');
      const { page } = await tested.open('/orders?q=leaving', 'admin');
      await rowOf(page, id).getByRole('checkbox').check();
      await page.getByText('1 selected').waitFor();
      await page.getByText('key:admin').click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('API key or access token').fill(tested.keyOf('admin'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await rowOf(page, id).waitFor();
      expect(await page.getByText(/\d selected/).count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'is cleared with its dialog when another person signs in after the session has expired',
    async () => {
      const id = await place('handover');
      const { page } = await tested.open('/orders?q=handover', 'admin');
      await rowOf(page, id).getByRole('checkbox').check();
      await page.locator('body').press('s');
      await page.getByRole('dialog').waitFor();
      await page.route(/\/orders[/?]/, (route) =>
        route.request().headers()['x-api-key'] === tested.keyOf('admin')
          ? route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{}' })
          : route.continue(),
      );
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).click();
      await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
      await page.getByLabel('API key or access token').fill(tested.keyOf('reader'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('key:reader').first().waitFor();
      await rowOf(page, id).waitFor();
      expect(await page.getByRole('dialog').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );
});
