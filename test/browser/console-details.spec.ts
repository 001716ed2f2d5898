import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { getOrder, listEvents, setStatus, type WithApi } from '../support/client.js';
import { DETAILS, LINE_DETAILS, newReference } from '../support/details.js';
import { findBarriers, picture, rowOf, TEST_MS, TestConsole } from './console.js';

const MARKUP = '<img src=x onerror=alert(1)>';

let tested: TestConsole;
let colleague: WithApi;
let product = '';
let id = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  product = newProduct(tested.service.sandbox, 1_000_000);
  id = await placeDetailed('Detailed Dora');
}, TEST_MS);
afterAll(() => tested.stop());

/** Places an order with every detail. */
function placeDetailed(name: string): Promise<string> {
  return placeOrder(
    colleague,
    orderBody([{ ...line(product, 2), ...LINE_DETAILS }], {
      ...DETAILS,
      ...newReference(),
      customer_name: name,
      note: `${DETAILS.note}\n${MARKUP}`,
      charges: [
        { type: 'shipping', amount: 4.99 },
        { type: 'discount', label: 'AUTUMN10', amount: -2 },
        { type: 'tax', label: 'VAT 19 %', amount: 3.19, included: true },
      ],
    }),
  );
}

/** Opens the dialog by its key, once the order is shown. */
async function edit(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Edit' }).waitFor();
  await page.keyboard.press('e');
  return page.getByRole('dialog');
}

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 375],
  ['dark', 375],
] as const;

describe('order with details in the console', () => {
  itInBrowser.each(LOOKS)(
    'shows everything in its natural order, without barriers: %s, %d px wide',
    async (colorScheme, width) => {
      const viewport = { width, height: 800 };
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin', { colorScheme, viewport });
      const { number } = await getOrder(colleague, id);
      await page.getByRole('heading', { name: `Order ${number ?? ''}` }).waitFor();
      await page.getByRole('region', { name: 'History' }).getByText('pending → confirmed').waitFor();
      const text = (await page.locator('main').innerText()).replaceAll(/\s+/g, ' ');
      const expected = (
        'Detailed Dora|Lines|SKU WH-1000-BLK|colour: black|gift_wrap: true|Subtotal|20.00 USD|' +
        'Shipping|4.99 USD|Discount: AUTUMN10|-2.00 USD|Tax: VAT 19 % included in the prices|' +
        '(3.19 USD)|Total|22.99 USD|Phone|+49 (30) 1234567 ext. 8|Shipping address|' +
        `Müller & Söhne|10117 Berlin|Billing address|AT|Note|second line|${MARKUP}|Tags|gift|` +
        'Express Ü|Metadata|campaign|autumn|Reference|marketplace|402-|History'
      ).split('|');
      const missing: string[] = [];
      let place = 0;
      for (const part of expected) {
        const found = text.indexOf(part, place);
        if (found === -1) missing.push(part);
        else place = found;
      }
      expect(missing).toEqual([]);
      expect(await findBarriers(page)).toEqual([]);
      expect(Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'))).toBe(0);
      await picture(page, `order-${colorScheme}-${width}`);
      await page.keyboard.press('e');
      const dialog = page.getByRole('dialog', { name: 'Edit the order' });
      await dialog.waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await picture(page, `edit-${colorScheme}-${width}`);
      await page.keyboard.press('Escape');
      await page.goto(`${tested.service.url}/admin/orders`);
      await rowOf(page, id)
        .getByText(number ?? '', { exact: true })
        .waitFor();
      await page.getByText('Export', { exact: true }).click();
      expect(await findBarriers(page)).toEqual([]);
      await picture(page, `list-${colorScheme}-${width}`);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'shows no heading of what an order does not have',
    async () => {
      const plain = await placeOrder(colleague, orderBody([line(product)]));
      const { page } = await tested.open(`/orders/${plain}`, 'admin');
      await page.getByRole('region', { name: 'History' }).getByText('pending → confirmed').waitFor();
      const headings = await page.getByRole('heading', { level: 2 }).allTextContents();
      expect(headings).toEqual(['Lines', 'Customer', 'Record', 'History', 'Messages and other work']);
      expect(await page.getByText('Subtotal').count()).toBe(0);
      await picture(page, 'plain');
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('correction of an order in the console', () => {
  itInBrowser(
    'changes, adds and removes fields, and leaves the others alone',
    async () => {
      const order = await placeDetailed('Wrong Wanda');
      const { page, complaints } = await tested.open(`/orders/${order}`, 'admin');
      await page.getByRole('button', { name: 'Edit' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Customer name').fill('Right Rita');
      await dialog.getByLabel('Phone').fill('');
      await dialog.getByRole('group', { name: 'Shipping address' }).getByLabel('City').fill('Potsdam');
      await dialog.getByLabel('Note').fill('Ring twice');
      await dialog.getByLabel('Tags').fill('gift\nurgent');
      // In the order of PostgreSQL: vip, score, campaign.
      await dialog.getByLabel('Value of field 3').fill('winter');
      await dialog.getByRole('button', { name: 'Remove field 2' }).click();
      await dialog.getByRole('button', { name: 'Add a field' }).click();
      await dialog.getByLabel('Key of field 3').fill('weight');
      await dialog.getByLabel('Type of field 3').selectOption('Number');
      await dialog.getByLabel('Value of field 3').fill('1.5');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByText('Potsdam').waitFor();
      expect(await getOrder(colleague, order)).toMatchObject({
        customer_name: 'Right Rita',
        customer_phone: null,
        shipping_address: { ...DETAILS.shipping_address, city: 'Potsdam' },
        billing_address: DETAILS.billing_address,
        note: 'Ring twice',
        tags: ['gift', 'urgent'],
        metadata: { campaign: 'winter', vip: true, weight: 1.5 },
      });
      expect((await listEvents(colleague, order)).at(-1)?.data).toEqual({
        fields: ['customer_name', 'customer_phone', 'metadata', 'note', 'shipping_address', 'tags'],
      });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'shows each error of the service at its field',
    async () => {
      const plain = await placeOrder(colleague, orderBody([line(product)]));
      const { page } = await tested.open(`/orders/${plain}`, 'admin');
      const dialog = await edit(page);
      await dialog.getByLabel('Email').fill('not an address');
      await dialog.getByRole('group', { name: 'Billing address' }).getByLabel('Country').fill('xx');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('must be an e-mail address', { exact: false }).first().waitFor();
      const invalid = dialog.locator('[aria-invalid="true"]');
      expect(await invalid.evaluateAll((fields) => fields.length)).toBe(2);
      expect(await dialog.getByLabel('Email').getAttribute('aria-invalid')).toBe('true');
      expect(await findBarriers(page)).toEqual([]);
      await picture(page, 'errors');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'changes nothing when the order has changed since it was opened',
    async () => {
      const order = await placeDetailed('Stale Stan');
      const { page } = await tested.open(`/orders/${order}`, 'admin');
      const dialog = await edit(page);
      await dialog.getByLabel('Note').fill('Too late');
      await setStatus(colleague, order, 'processing');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('Nothing was changed').waitFor();
      await dialog.getByText('confirmed → processing').waitFor();
      await picture(page, 'conflict');
      expect((await getOrder(colleague, order)).note).not.toBe('Too late');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'is offered for tags and metadata alone once the order is shipped, and not without the scope',
    async () => {
      const order = await placeDetailed('Shipped Sheila');
      await setStatus(colleague, order, 'shipped');
      const { page } = await tested.open(`/orders/${order}`, 'admin');
      const dialog = await edit(page);
      await dialog.getByText('This order is shipped').waitFor();
      expect(await dialog.getByLabel('Note').isDisabled()).toBe(true);
      await dialog.getByLabel('Tags').fill('returned soon');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
      expect((await getOrder(colleague, order)).tags).toEqual(['returned soon']);
      await page.context().close();
      const reader = await tested.open(`/orders/${order}`, 'reader');
      await reader.page.getByRole('region', { name: 'Lines' }).waitFor();
      expect(await reader.page.getByRole('button', { name: 'Edit' }).count()).toBe(0);
      await reader.page.context().close();
    },
    TEST_MS,
  );
});

describe('export from the console', () => {
  itInBrowser.each([
    ['A row for each order', 'All of them'],
    ['A row for each line', 'All of them'],
    ['A row for each order', 'Amounts, charges and taxes'],
    ['A row for each line', 'Addresses and products'],
  ])(
    'saves the chosen rows and columns: %s, %s',
    async (rows, columns) => {
      const { page } = await tested.open(`/orders?q=${id}`, 'admin');
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
      await page.getByText('Export', { exact: true }).click();
      await page.getByLabel('Rows of the CSV file').selectOption(rows);
      await page.getByLabel('Columns of the CSV file').selectOption(columns);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'CSV, for spreadsheets' }).click(),
      ]);
      const file = await readFile(await download.path(), 'utf8');
      expect(file).toContain('"order_id","number"');
      expect(file.includes('"line"')).toBe(rows.endsWith('line'));
      expect(file).toMatch(/"end of export: 1 orders",*\r\n$/);
      await page.context().close();
    },
    TEST_MS,
  );
});
