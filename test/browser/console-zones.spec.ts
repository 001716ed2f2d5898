import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { insertOrders } from '../support/many-orders.js';
import { TEST_MS, TestConsole } from './console.js';

const BERLIN = 'Europe/Berlin';

let tested: TestConsole;

beforeAll(async () => {
  tested = await TestConsole.start();
  // In Berlin it is 00:30 on 1 July, in New York still 30 June.
  await insertOrders(tested.service.database, 1, {
    customerId: 'summer',
    from: new Date('2026-06-30T22:30:00Z'),
  });
}, TEST_MS);
afterAll(() => tested.stop());

/** The time bounds of the next list request of the page. */
async function nextBounds(page: Page, act: () => Promise<unknown>): Promise<Record<string, string>> {
  const [request] = await Promise.all([
    page.waitForRequest((sent) => /\/orders\?.*placed_(from|to)=/.test(sent.url())),
    act(),
  ]);
  const params = new URL(request.url()).searchParams;
  return Object.fromEntries([...params].filter(([name]) => name.startsWith('placed_')));
}

describe('date without a time', () => {
  itInBrowser(
    'bounds the list and the export from midnight, and the time is shown',
    async () => {
      const { page, complaints } = await tested.open('/orders?window=custom&q=summer', 'admin', {
        timezoneId: BERLIN,
      });
      const bounds = await nextBounds(page, () => page.getByLabel('From: day').fill('2026-07-01'));
      expect(bounds).toEqual({ placed_from: '2026-06-30T22:00:00.000Z' });
      expect(await page.getByLabel('From: time').inputValue()).toBe('00:00');
      await page.getByText('1 order', { exact: true }).waitFor();
      await page.evaluate(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
      await page.getByText('Export', { exact: true }).click();
      const [request] = await Promise.all([
        page.waitForRequest((sent) => sent.url().includes('/orders/export')),
        page.getByRole('button', { name: 'CSV, for spreadsheets' }).click(),
      ]);
      expect(new URL(request.url()).searchParams.get('placed_from')).toBe('2026-06-30T22:00:00.000Z');
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'can be typed key by key, and takes effect when it is complete',
    async () => {
      const { page, complaints } = await tested.open('/orders?window=custom&q=summer', 'admin', {
        timezoneId: BERLIN,
      });
      await page.getByLabel('From: day').focus();
      const bounds = await nextBounds(page, () => page.keyboard.type('07012026', { delay: 30 }));
      expect(bounds).toEqual({ placed_from: '2026-06-30T22:00:00.000Z' });
      expect(await page.getByLabel('From: day').inputValue()).toBe('2026-07-01');
      await page.getByLabel('Before: day').focus();
      await page.keyboard.type('0702');
      await page.getByLabel('Search').focus();
      await page.getByText('The date is incomplete and is ignored').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'is named instead of ignored when the address holds one that is not valid',
    async () => {
      const { page } = await tested.open('/orders?window=custom&from=01.07.2026', 'admin');
      await page.getByText('not valid and are ignored: from=01.07.2026').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('address with times', () => {
  itInBrowser(
    'shows the same orders to a colleague in another time zone',
    async () => {
      const sender = await tested.open('/orders?window=custom&q=summer', 'admin', { timezoneId: BERLIN });
      await sender.page.getByLabel('From: day').fill('2026-07-01');
      await sender.page.waitForURL(/from=/);
      const { search } = new URL(sender.page.url());
      const colleague = await tested.open('/orders', 'admin', { timezoneId: 'America/New_York' });
      const bounds = await nextBounds(colleague.page, () =>
        colleague.page.goto(`${tested.service.url}/admin/orders${search}`),
      );
      expect(bounds).toEqual({ placed_from: '2026-06-30T22:00:00.000Z' });
      await colleague.page.getByText('1 order', { exact: true }).waitFor();
      expect(await colleague.page.getByLabel('From: day').inputValue()).toBe('2026-06-30');
      expect(await colleague.page.getByLabel('From: time').inputValue()).toBe('18:00');
      await sender.page.context().close();
      await colleague.page.context().close();
    },
    TEST_MS,
  );
});

describe('filter "Today"', () => {
  itInBrowser(
    'starts with the first instant of the day where daylight saving skips midnight',
    async () => {
      const { page } = await tested.open('/orders', 'admin', { timezoneId: 'America/Santiago' });
      await page.clock.setFixedTime('2026-09-06T16:00:00Z');
      const bounds = await nextBounds(page, () =>
        page.getByRole('combobox', { name: 'Placed' }).selectOption('Today'),
      );
      expect(bounds).toEqual({ placed_from: '2026-09-06T04:00:00.000Z' });
      await page.context().close();
    },
    TEST_MS,
  );
});
