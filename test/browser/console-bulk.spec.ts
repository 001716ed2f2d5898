import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { countByStatus, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { getOrder, setStatus, type WithApi } from '../support/client.js';
import { eventually } from '../support/service.js';
import { TEST_MS, TestConsole } from './console.js';

const DAY_MS = 86_400_000;

let tested: TestConsole;
let colleague: WithApi;
let product = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  product = newProduct(tested.service.sandbox, 1_000_000);
}, TEST_MS);
afterAll(() => tested.stop());

/** Places orders. @returns their ids, newest first, in the order of the list */
async function placeMany(count: number, name: string): Promise<string[]> {
  const ids: string[] = [];
  const body = orderBody([line(product)], { customer_name: name, customer_id: name });
  for (let placed = 0; placed < count; placed += 1) ids.push(await placeOrder(colleague, body));
  return ids.toReversed();
}

/** Places an order that is accepted with 202 and then rejected for insufficient stock. @returns its id */
async function placeRejected(name: string): Promise<string> {
  const scarce = newProduct(tested.service.sandbox, 1);
  const body = orderBody([line(scarce, 5)], { customer_name: name, customer_id: name });
  const params = { header: { Prefer: 'respond-async' } };
  const { data } = await tested.colleague.POST('/orders', { body, params });
  if (!data) throw new Error('the order was not taken');
  await eventually(async () => (await getOrder(colleague, data.order_id)).status === 'rejected');
  return data.order_id;
}

const selectAll = (page: Page) => page.getByLabel('Select all orders of this page').check();

describe('bulk actions on orders', () => {
  itInBrowser(
    'changes the status of 200 orders, and reports the one that another person changed first',
    async () => {
      const ids = await placeMany(200, 'Bulk Bea');
      const { page, complaints } = await tested.open('/orders?q=Bulk+Bea&rows=200', 'admin');
      await page.getByText('200 orders').waitFor();
      await selectAll(page);
      await page.getByText('200 selected').waitFor();
      await page.keyboard.press('s');
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('radio', { name: 'shipped' }).check();
      const [quick = ''] = ids;
      // The transition to shipped is allowed from here too; only the outdated ETag prevents it.
      await setStatus(colleague, quick, 'processing');
      await dialog.getByLabel('Reason').fill('Left with the truck of noon');
      await dialog.getByRole('button', { name: 'Mark 200 as shipped' }).click();
      await dialog.getByText('Done: 200 of 200').waitFor();
      await dialog.getByText('199 changed, 0 already had it, 1 refused').waitFor();
      const rows = dialog.getByRole('row');
      expect(await rows.count()).toBe(201);
      // Refused orders are listed first, with the reason.
      expect(await rows.nth(1).textContent()).toContain(`${quick}Refused: `);
      expect(await countByStatus(tested.service.database)).toEqual({ shipped: 199, processing: 1 });
      await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
      await page.getByText('200 selected').waitFor({ state: 'detached' });
      await page.locator('[data-row]').nth(1).getByText('shipped').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'exports every order that matches the filter to a file',
    async () => {
      const ids = await placeMany(3, 'Export Eve');
      const { page, complaints } = await tested.open('/orders?q=Export+Eve', 'admin');
      // Without this the browser opens a save dialog, which the test can't answer.
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
      await page.getByText('Export', { exact: true }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'CSV, for spreadsheets' }).click(),
      ]);
      expect(download.suggestedFilename()).toMatch(/^orders-.*\.csv$/);
      const [header, ...rows] = (await readFile(await download.path(), 'utf8')).trimEnd().split(/\r?\n/);
      expect(header).toContain('order_id');
      expect(rows.pop()).toMatch(/^"end of export: 3 orders",*$/);
      expect(rows).toHaveLength(3);
      for (const [index, row] of rows.entries()) expect(row).toContain(ids[index]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser.each(['CSV, for spreadsheets', 'NDJSON, for programs'])(
    'does not save an export without its end marker: %s',
    async (format) => {
      await placeMany(1, 'Export Eve');
      const { page } = await tested.open('/orders?q=Export+Eve', 'admin');
      let downloads = 0;
      page.on('download', () => (downloads += 1));
      // As a proxy delivers an export that broke off: with a length that matches the part.
      await page.route('**/orders/export?*', async (route) => {
        const response = await route.fetch();
        const body = await response.text();
        await route.fulfill({
          status: 200,
          body: body.slice(0, body.lastIndexOf('\n', body.length - 2) + 1),
        });
      });
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
      await page.getByText('Export', { exact: true }).click();
      await page.getByRole('button', { name: format }).click();
      await page.getByText('The export is incomplete').waitFor();
      expect(downloads).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    "lets a new user find yesterday's failed orders, read each reason and ship ten orders at once",
    async () => {
      const failed = await placeRejected('Done When');
      const ids = await placeMany(12, 'Done When');
      const { page, complaints } = await tested.open('/orders', 'admin');
      await page.getByText('Done When').first().waitFor();
      // The browser's clock is a day ahead, so that the orders just placed are from yesterday.
      await page.clock.setFixedTime(Date.now() + DAY_MS);
      await page.getByRole('combobox', { name: 'Placed' }).selectOption('Yesterday');
      await page.getByRole('combobox', { name: 'Status' }).selectOption('rejected');
      const row = page.locator(`[data-row="${failed}"]`);
      await row.getByText('Insufficient stock').waitFor();
      await row.getByRole('link').first().click();
      await page.getByText('requested 5, available 1', { exact: false }).first().waitFor();
      await page.getByRole('link', { name: 'Orders' }).first().click();

      await page.getByRole('combobox', { name: 'Status' }).selectOption('confirmed');
      await page.locator(`[data-row="${ids[0]}"]`).getByRole('checkbox').check();
      await page
        .locator(`[data-row="${ids[9]}"]`)
        .getByRole('checkbox')
        .click({ modifiers: ['Shift'] });
      await page.getByText('10 selected').waitFor();
      await page.getByRole('button', { name: 'Change status' }).click();
      await page.getByRole('radio', { name: 'shipped' }).check();
      await page.getByRole('button', { name: 'Mark 10 as shipped' }).click();
      await page.getByText('10 changed, 0 already had it, 0 refused').waitFor();
      for (const [index, id] of ids.entries()) {
        expect((await getOrder(colleague, id)).status).toBe(index < 10 ? 'shipped' : 'confirmed');
      }
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});
