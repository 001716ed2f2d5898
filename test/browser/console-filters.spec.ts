import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { setStatus, type WithApi } from '../support/client.js';
import { eventually } from '../support/service.js';
import { findBarriers, picture, rowOf, TEST_MS, TestConsole } from './console.js';

const SOURCE = 'Market & Söhne';
const REFERENCE = '402-1175';
const TAG = 'gift wrap';

let tested: TestConsole;
let colleague: WithApi;
let product = '';
/** Of the source: one with its reference and the tag, one with the tag, and a larger one without. */
let referenced = '';
let tagged = '';
let large = '';
/** Without a source. */
let other = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  product = newProduct(tested.service.sandbox, 1_000_000);
  referenced = await place(1, { source: SOURCE, source_order_id: REFERENCE, tags: [TAG] });
  tagged = await place(2, { source: SOURCE, tags: [TAG, 'urgent'] });
  large = await place(30, { source: SOURCE });
  other = await place(1, { tags: [TAG] });
}, TEST_MS);
afterAll(() => tested.stop());

function place(quantity: number, details: Parameters<typeof orderBody>[1]): Promise<string> {
  return placeOrder(colleague, orderBody([line(product, quantity)], details));
}

/** The orders of the list, newest first. */
function shownOrders(page: Page): Promise<(string | null)[]> {
  return page
    .locator('[data-row]')
    .evaluateAll((rows) => rows.map((row) => (row as unknown as Attributes).getAttribute('data-row')));
}

interface Attributes {
  getAttribute(name: string): string | null;
}

/** Waits until the list has these orders and no other. */
async function untilShown(page: Page, ids: string[]): Promise<void> {
  await eventually(async () => JSON.stringify(await shownOrders(page)) === JSON.stringify(ids));
}

/** Chooses filters in the panel of the rarely used ones, by keyboard. */
async function filterBy(page: Page, filters: Record<string, string>): Promise<void> {
  await page.getByText('More filters').press('Enter');
  for (const [label, value] of Object.entries(filters)) {
    await page.getByRole('textbox', { name: label, exact: true }).fill(value);
  }
  await page.getByRole('button', { name: 'Apply' }).press('Enter');
}

const chipOf = (page: Page, filter: string) => page.getByRole('button', { name: filter, exact: true });

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 375],
  ['dark', 375],
] as const;

describe('filters by details of orders', () => {
  itInBrowser(
    'narrow the list, stand in the address, and are removed one by one',
    async () => {
      const { page, complaints } = await tested.open('/orders', 'admin');
      await untilShown(page, [other, large, tagged, referenced]);
      await filterBy(page, { Source: ` ${SOURCE} `, Tag: TAG });
      await untilShown(page, [tagged, referenced]);
      const { pathname, search } = new URL(page.url());
      expect(search).toBe('?source=Market+%26+S%C3%B6hne&tag=gift+wrap');
      const copied = await tested.open(`${pathname}${search}`.replace('/admin', ''), 'reader');
      await untilShown(copied.page, [tagged, referenced]);
      await copied.page.context().close();

      await filterBy(page, { Tag: '', 'Total from': '20', 'Total up to': '299.9999' });
      await untilShown(page, [tagged]);
      await chipOf(page, 'Total up to: 299.9999').press('Enter');
      await untilShown(page, [large, tagged]);
      expect(await page.locator('summary:focus').textContent()).toBe('More filters');
      await page.goBack();
      await untilShown(page, [tagged]);
      await chipOf(page, 'Total up to: 299.9999').waitFor();
      await filterBy(page, { 'Order ID in the source': REFERENCE, 'Total from': '', 'Total up to': '' });
      await untilShown(page, [referenced]);
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await untilShown(page, [other, large, tagged, referenced]);
      expect(await page.locator('.chip').count()).toBe(0);
      expect([...complaints, ...copied.complaints]).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'apply to the export',
    async () => {
      const { page } = await tested.open(
        `/orders?${new URLSearchParams({ source: SOURCE, tag: TAG }).toString()}`,
        'admin',
      );
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
      await page.getByText('Export', { exact: true }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'NDJSON, for programs' }).click(),
      ]);
      const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n');
      expect(lines.map((text) => JSON.parse(text) as object)).toEqual([
        expect.objectContaining({ order_id: tagged }),
        expect.objectContaining({ order_id: referenced }),
        { count: 2 },
      ]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'accept no amount that the service would refuse, and name one in the address',
    async () => {
      const { page, complaints } = await tested.open('/orders?tag=urgent&total_min=12,50', 'admin');
      await page
        .getByText('These parts of the address are not valid and are ignored: total_min=12,50')
        .waitFor();
      await untilShown(page, [tagged]);
      await filterBy(page, { 'Total from': '12,50' });
      const field = page.getByLabel('Total from');
      expect(await page.locator('input:invalid:focus').getAttribute('name')).toBe('total_min');
      await field.fill('12.50');
      await page.getByLabel('Total up to').fill('9.99');
      await field.press('Enter');
      await page.getByText('The lowest total must not be above the highest.').waitFor();
      await page.getByText('No orders match these filters').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are offered on the page of an order, by its source and its tags',
    async () => {
      const { page } = await tested.open(`/orders/${tagged}`, 'admin');
      await page.getByRole('link', { name: TAG }).click();
      await untilShown(page, [other, tagged, referenced]);
      await page.goBack();
      await page.getByRole('link', { name: SOURCE }).click();
      await untilShown(page, [large, tagged, referenced]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser.each(LOOKS)(
    'have no barrier and fit the screen: %s, %d px wide',
    async (colorScheme, width) => {
      const filters = new URLSearchParams({ source: SOURCE, tag: TAG, source_order_id: 'X'.repeat(128) });
      const viewport = { width, height: 800 };
      const { page } = await tested.open(`/orders?${filters.toString()}`, 'admin', { colorScheme, viewport });
      await page.getByText('No orders match these filters').waitFor();
      await page.getByText('More filters').click();
      const panel = await page.locator('form.menu-content').boundingBox();
      expect(panel?.x).toBeGreaterThanOrEqual(0);
      expect((panel?.x ?? 0) + (panel?.width ?? Infinity)).toBeLessThanOrEqual(width);
      expect(await findBarriers(page)).toEqual([]);
      expect(Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'))).toBe(0);
      await picture(page, `filters-${colorScheme}-${width}`);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('list of several statuses', () => {
  itInBrowser(
    'shows the orders of a set of statuses, chosen or from the address',
    async () => {
      const [ready, underway, gone] = [await place(1, {}), await place(1, {}), await place(1, {})];
      await setStatus(colleague, underway, 'processing');
      await setStatus(colleague, gone, 'shipped');
      const { page } = await tested.open('/orders?status=shipped,processing', 'admin');
      await rowOf(page, gone).waitFor();
      await rowOf(page, underway).waitFor();
      expect(await rowOf(page, ready).count()).toBe(0);
      await page.getByRole('combobox', { name: 'Status' }).selectOption('to ship: confirmed, processing');
      await rowOf(page, ready).waitFor();
      await rowOf(page, gone).waitFor({ state: 'detached' });
      await page.context().close();
    },
    TEST_MS,
  );
});
