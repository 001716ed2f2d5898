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
let confirmed = '';
let delivered = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  product = newProduct(tested.service.sandbox, 1_000_000);
  confirmed = await placeFor('Connie Confirmed');
  delivered = await placeFor('Della Delivered');
  await setStatus(colleague, delivered, 'shipped');
  await setStatus(colleague, delivered, 'delivered');
}, TEST_MS);
afterAll(() => tested.stop());

const placeFor = (name: string): Promise<string> =>
  placeOrder(colleague, orderBody([line(product)], { customer_name: name }));

const chooseStatus = (page: Page, status: string) =>
  page.getByRole('combobox', { name: 'Status' }).selectOption(status);

/** Delays responses to lists of delivered orders until `release` is called. */
async function holdDelivered(page: Page): Promise<{ release: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route(/\/orders\?.*status=delivered/, async (route) => {
    await promise;
    await route.continue();
  });
  return { release: resolve };
}

describe('rows of the previous filter while the new one loads', () => {
  itInBrowser(
    'can not be selected or opened, by mouse or by keyboard',
    async () => {
      const { page, complaints } = await tested.open('/orders?status=confirmed', 'admin');
      await rowOf(page, confirmed).waitFor();
      const held = await holdDelivered(page);
      await chooseStatus(page, 'delivered');
      await page.getByText('Loading the orders of this filter').waitFor();
      await rowOf(page, confirmed)
        .getByRole('checkbox')
        .click({ force: true, timeout: 1_000 })
        .catch(() => undefined);
      await page.locator('body').press('a');
      await page.locator('body').press('s');
      expect(await page.getByText(/\d selected/).count()).toBe(0);
      expect(await page.getByRole('dialog').count()).toBe(0);
      held.release();
      await rowOf(page, delivered).waitFor();
      expect(await rowOf(page, confirmed).count()).toBe(0);
      await page.locator('body').press('a');
      await page.getByText('1 selected').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'do not set the cursor of the next page of the new filter',
    async () => {
      await insertOrders(tested.service.database, 60, {
        from: new Date(Date.now() - 3_600_000),
      });
      const { page } = await tested.open('/orders?status=confirmed', 'admin');
      await page.getByText(/^1–50 of \d+ orders$/).waitFor();
      const held = await holdDelivered(page);
      await chooseStatus(page, 'delivered');
      await page.getByText('Loading the orders of this filter').waitFor();
      await page.locator('body').press('n');
      expect(new URL(page.url()).searchParams.get('cursor')).toBeNull();
      held.release();
      await rowOf(page, delivered).waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'lose their selection when the filter changes, also by going back',
    async () => {
      const { page } = await tested.open('/orders?status=delivered', 'admin');
      await rowOf(page, delivered).waitFor();
      await chooseStatus(page, 'confirmed');
      await rowOf(page, confirmed).getByRole('checkbox').check();
      await page.getByText('1 selected').waitFor();
      await page.goBack();
      await rowOf(page, delivered).waitFor();
      expect(await page.getByText(/\d selected/).count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('console while offline', () => {
  itInBrowser(
    'shows no old rows under a new filter, and says that it is offline',
    async () => {
      const { page } = await tested.open('/orders?status=confirmed', 'admin');
      await rowOf(page, confirmed).waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
      await page.context().setOffline(true);
      await page.getByText('Offline', { exact: true }).waitFor();
      await chooseStatus(page, 'delivered');
      await page.getByText('You are offline').waitFor();
      expect(await rowOf(page, confirmed).count()).toBe(0);
      await page.context().setOffline(false);
      await rowOf(page, delivered).waitFor();
      await page.getByText('You are offline').waitFor({ state: 'detached' });
      await page.getByText('Live', { exact: true }).waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'fails a status change at once, and does not send it after the network returns',
    async () => {
      const id = await placeFor('Offline Olga');
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('button', { name: 'Mark as shipped' }).click();
      await page.context().setOffline(true);
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as shipped' }).click();
      await page.getByText('Nothing was sent or changed').waitFor();
      await page.getByRole('button', { name: 'Close' }).click();
      await page.context().setOffline(false);
      // The page reads the order again, as it would also do after the change.
      await page.getByText('Live', { exact: true }).waitFor();
      await page.waitForTimeout(1_000);
      expect((await getOrder(colleague, id)).status).toBe('confirmed');
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('error message of the console', () => {
  itInBrowser(
    'disappears when the service responds again',
    async () => {
      const { page } = await tested.open('/health', 'admin');
      let isDown = true;
      await page.route(/\/orders\?/, (route) =>
        isDown ? route.abort('connectionrefused') : route.continue(),
      );
      await page.getByRole('link', { name: 'Orders' }).click();
      await page.getByText('The service could not be reached').waitFor();
      isDown = false;
      await rowOf(page, confirmed).waitFor();
      expect(await page.getByRole('alert').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'appears after 30 s without a response, and a retry of the status change is applied once',
    async () => {
      const id = await placeFor('Slow Sven');
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.clock.install();
      let isLost = true;
      await page.route(`**/orders/${id}`, async (route) => {
        if (route.request().method() !== 'PUT' || !isLost) return route.continue();
        // The request arrives; its response does not.
        isLost = false;
        await route.fetch();
        return undefined;
      });
      await page.getByRole('button', { name: 'Mark as shipped' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as shipped' }).click();
      await eventually(async () => (await getOrder(colleague, id)).status === 'shipped');
      await page.getByText('The service did not answer in time').waitFor({ timeout: 40_000 });
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as shipped' }).click();
      await page.getByText('Your change was made, although no response arrived').waitFor();
      expect((await getOrder(colleague, id)).version).toBe(3);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('list that is left open', () => {
  itInBrowser(
    "drops orders that leave its time window, and shows the date of yesterday's orders",
    async () => {
      const [id = ''] = await insertOrders(tested.service.database, 1, { customerId: 'left-open' });
      const { page } = await tested.open('/health', 'admin');
      await page.clock.install();
      await page.goto(`${tested.service.url}/admin/orders?q=left-open&window=hour`);
      await rowOf(page, id).waitFor();
      await page.clock.fastForward('01:02:00');
      await page.getByText('No orders match these filters').waitFor();
      await page.goto(`${tested.service.url}/admin/orders/${id}`);
      const placed = page.getByRole('region', { name: 'Record' }).getByRole('time').first();
      await placed.waitFor();
      const before = await placed.innerText();
      await page.clock.fastForward('24:00:00');
      await eventually(async () => /^\d{4}-\d\d-\d\d /.test(await placed.innerText()));
      expect(await placed.innerText()).toContain(before);
      await page.context().close();
    },
    TEST_MS,
  );
});
