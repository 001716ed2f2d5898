import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { endFaults, line, newProduct, orderBody, setStock } from '../support/builders.js';
import { expireOrder } from '../support/holds.js';
import { TEST_MS, TestConsole } from './console.js';

const DAY_MS = 86_400_000;
const HOLD_SECONDS = 3_600;

/** As the countdown is shown. */
const CLOCK = /^\d\d:\d\d:\d\d$/;

let tested: TestConsole;

beforeAll(async () => {
  tested = await TestConsole.start({
    HOLD_MAX_SECONDS: '172800',
    UPSTREAM_TIMEOUT_MS: '400',
    REQUEST_DEADLINE_MS: '2000',
  });
}, TEST_MS);
afterEach(() => endFaults(tested.service.sandbox));
afterAll(() => tested.stop());

/** Calls the API as the admin. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests compare values of bodies of several forms
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const response = await tested.service.request(method, path, body, { 'x-api-key': tested.keyOf('admin') });
  expect(response.status).toBeLessThan(300);
  return response.body;
}

/** Places an order of 20 USD that is reserved. */
async function reserve(product = newProduct(tested.service.sandbox)): Promise<string> {
  const placed = await call('POST', '/orders', {
    ...orderBody([line(product, 2)]),
    hold_seconds: HOLD_SECONDS,
  });
  expect(placed.status).toBe('reserved');
  return placed.order_id;
}

/** An order whose hold has ended. Its product has one unit less than the order needs. */
async function expireWithoutStock(): Promise<string> {
  const product = newProduct(tested.service.sandbox);
  const id = await reserve(product);
  await expireOrder(tested.service, id);
  setStock(tested.service.sandbox, product, 1);
  return id;
}

const seconds = (text: string): number => {
  const [hours = 0, minutes = 0, rest = 0] = text.split(':').map(Number);
  return hours * 3_600 + minutes * 60 + rest;
};

/** Opens the dialog of an action, once the order is shown. */
async function openDialog(page: Page, name: string): Promise<Locator> {
  await page.getByRole('group', { name: 'Change the order' }).getByRole('button', { name }).click();
  return page.getByRole('dialog');
}

/** Fills the dialog in and sends it. */
async function confirm(page: Page, reference: string, amount = ''): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Payment reference').fill(reference);
  await dialog.getByLabel('Amount').fill(amount);
  await dialog.getByRole('button', { name: 'Confirm', exact: true }).click();
}

const statusOf = async (id: string): Promise<string> => (await call('GET', `/orders/${id}`)).status;

describe('the hold of an order in the console', () => {
  itInBrowser(
    'counts down each second without moving anything, with its end beside it',
    async () => {
      const id = await reserve();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      const timer = page.getByRole('timer');
      const first = await timer.innerText();
      expect(first).toMatch(CLOCK);
      const boxes = [await timer.boundingBox(), await page.locator('.hold').boundingBox()];
      const shown = new Set<number>();
      for (let look = 0; look < 30; look += 1) {
        shown.add(seconds(await timer.innerText()));
        await page.waitForTimeout(100);
      }
      expect([...shown]).toEqual([...shown].toSorted((one, other) => other - one));
      expect(shown.size).toBeGreaterThanOrEqual(3);
      expect([await timer.boundingBox(), await page.locator('.hold').boundingBox()]).toEqual(boxes);
      const { expires_at: end } = await call('GET', `/orders/${id}`);
      await page.locator('.hold').locator(`time[datetime="${end}"]`).waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'counts by the clock of the service, not that of the browser',
    async () => {
      const id = await reserve();
      const { page } = await tested.open('/orders', 'admin');
      await page.clock.install({ time: Date.now() + DAY_MS });
      await page.goto(`${tested.service.url}/admin/orders/${id}`);
      const left = seconds(await page.getByRole('timer').innerText());
      expect(left).toBeGreaterThan(HOLD_SECONDS - 60);
      expect(left).toBeLessThan(HOLD_SECONDS + 60);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'is shown as ended once it has expired',
    async () => {
      const id = await reserve();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('timer').waitFor();
      await expireOrder(tested.service, id);
      await page.getByText('without a payment, and the stock was released').waitFor();
      await page.locator('.page-header .badge-expired').waitFor();
      await page.getByText('no payment came in time').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'is extended by a choice or a number of minutes',
    async () => {
      const id = await reserve();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      const dialog = await openDialog(page, 'Extend');
      await dialog.getByLabel('1 day').check();
      await dialog.getByRole('button', { name: 'Extend' }).click();
      await page.getByText('Hold extended').waitFor();
      await dialog.waitFor({ state: 'detached' });
      expect(await page.getByRole('timer').innerText()).toMatch(/^(23:59:\d\d|1 d 00:00:00)$/);
      await openDialog(page, 'Extend');
      await dialog.getByLabel('Another number of minutes').check();
      await dialog.getByLabel('Minutes', { exact: true }).fill('9999');
      await dialog.getByRole('button', { name: 'Extend' }).click();
      await dialog.locator('.field-error').getByText('must be at most 2880 minutes').waitFor();
      await dialog.getByLabel('Minutes', { exact: true }).fill('1500');
      await dialog.getByRole('button', { name: 'Extend' }).click();
      await page.getByRole('timer').getByText('1 d 00:').waitFor();
      // The browser reports the response 400 to the number that was too large.
      expect(complaints.filter((text) => !text.includes('400'))).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('payments in the console', () => {
  itInBrowser(
    'confirm an order with the reference and the total',
    async () => {
      const id = await reserve();
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByText('No payments recorded').waitFor();
      await page.keyboard.press('s');
      const dialog = page.getByRole('dialog', { name: 'Confirm the order' });
      await dialog.getByLabel('Payment reference').and(page.locator(':focus')).waitFor();
      await confirm(page, '', '20');
      await dialog.locator('.field-error').waitFor();
      await confirm(page, 'pay_1', '19.99');
      await dialog.getByText('Payment does not match').waitFor();
      await dialog.locator('.field-error').getByText('must be 20.00 USD').waitFor();
      expect(await statusOf(id)).toBe('reserved');
      await dialog.getByLabel('State').selectOption('captured');
      await confirm(page, 'pay_1');
      await dialog.waitFor({ state: 'detached' });
      await page.locator('.page-header .badge-confirmed').waitFor();
      const payments = page.getByRole('region', { name: 'Payments' });
      await payments.locator('.payment-paid').waitFor();
      expect((await payments.innerText()).replaceAll(/\s+/g, ' ')).toMatch(
        /paid captured 20\.00 USD pay_1 \d\d:\d\d:\d\d Confirming payment/,
      );
      await page.getByText('reserved → confirmed').waitFor();
      await page.getByText('state captured, amount 20, currency USD, reference pay_1').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'need no reference to confirm',
    async () => {
      const id = await reserve();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      await openDialog(page, 'Confirm');
      await confirm(page, '');
      await page.locator('.page-header .badge-confirmed').waitFor();
      expect(await call('GET', `/orders/${id}`)).toMatchObject({ payments: [], payment_state: 'none' });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'do not confirm an order a second time',
    async () => {
      const id = await reserve();
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      const dialog = await openDialog(page, 'Confirm');
      await call('POST', `/orders/${id}/confirm`, { payment: { reference: 'pay_of_webhook' } });
      await confirm(page, 'pay_by_hand');
      await dialog.getByText('confirmed by the payment pay_of_webhook').waitFor();
      await dialog.getByText('refund one of the payments').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'that come when the stock is gone are recorded, and the order can be cancelled',
    async () => {
      const id = await expireWithoutStock();
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      const dialog = await openDialog(page, 'Confirm');
      await confirm(page, 'pay_late');
      await dialog.getByText('Hold has expired and the stock is gone').waitFor();
      await dialog.getByText('The payment is recorded, if you entered one. Refund it.').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('region', { name: 'Payments' }).getByText('pay_late').waitFor();
      await page.getByText('Paid, but without stock').waitFor();
      await page.getByText('Paid after the hold, and the stock is gone').waitFor();
      await page.getByRole('button', { name: 'Cancel order' }).click();
      await page.getByLabel('Reason').fill('Refunded');
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
      await page.locator('.page-header .badge-cancelled').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'whose outcome is not known yet are said to be recorded',
    async () => {
      const id = await reserve();
      await expireOrder(tested.service, id);
      tested.service.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, when: 'before' });
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      const dialog = await openDialog(page, 'Confirm');
      await confirm(page, 'pay_late');
      await dialog.getByText('Outcome not yet known').waitFor();
      await dialog.getByText('goes on reserving the stock by itself').waitFor();
      await endFaults(tested.service.sandbox);
      await page.keyboard.press('Escape');
      await page.locator('.page-header .badge-confirmed').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});
