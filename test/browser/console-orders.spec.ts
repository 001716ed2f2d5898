import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { eventually } from '../support/service.js';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { getOrder, listEvents, setStatus, type WithApi } from '../support/client.js';
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

const placeFor = (name: string, email = 'alice@example.com'): Promise<string> =>
  placeOrder(colleague, orderBody([line(product)], { customer_name: name, customer_email: email }));

/** The row that has the focus. */
const focusedRow = (page: Page): Promise<string | null> =>
  page.evaluate(() => {
    const { document } = globalThis as unknown as { document: { activeElement: Element | null } };
    type Element = { closest(selector: string): { getAttribute(name: string): string } | null };
    return document.activeElement?.closest('[data-row]')?.getAttribute('data-row') ?? null;
  });

describe('live list of orders', () => {
  itInBrowser(
    'shows new orders and changes live, including those made while the connection was lost',
    async () => {
      const { page, complaints } = await tested.open('/orders', 'admin');
      await page.getByText('Live', { exact: true }).waitFor();
      const id = await placeFor('Live Lisa');
      await rowOf(page, id).getByText('confirmed').waitFor();
      await setStatus(colleague, id, 'shipped');
      await rowOf(page, id).getByText('shipped').waitFor();
      expect(complaints).toEqual([]);

      const resumed: (string | undefined)[] = [];
      page.on('request', (request) => {
        if (request.url().endsWith('/orders/stream')) resumed.push(request.headers()['last-event-id']);
      });
      await page.context().setOffline(true);
      tested.service.app.getHttpServer().closeAllConnections();
      const missed = await placeFor('Missed Mia');
      await setStatus(colleague, id, 'delivered');
      await page.context().setOffline(false);
      await rowOf(page, missed).getByText('Missed Mia').waitFor();
      await rowOf(page, id).getByText('delivered').waitFor();
      // It resumed from the last event id, so the list was not reloaded.
      await eventually(() => resumed.length > 0);
      expect(resumed[0]).toMatch(/./);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'reloads the list when the database has lost events that the stream has already sent',
    async () => {
      const { page, complaints } = await tested.open('/orders', 'admin');
      await page.getByText('Live', { exact: true }).waitFor();
      const lost = await placeFor('Lost Laura');
      await rowOf(page, lost).getByText('confirmed').waitFor();
      const { database } = tested.service;
      const waiting = () => selectRows(database, 'SELECT 1 FROM order_events WHERE feed_no = 0');
      await eventually(async () => (await waiting()).length === 0);
      // Longer than a look of the stream at the feed.
      await page.waitForTimeout(1_000);
      await selectRows(
        database,
        `WITH lost AS (DELETE FROM order_events WHERE order_id = $1 RETURNING 1), items AS (
           DELETE FROM order_items WHERE order_id = $1), orders_too AS (DELETE FROM orders WHERE id = $1)
         UPDATE event_feed SET last_no = last_no - (SELECT count(*) FROM lost)`,
        [lost],
      );
      await rowOf(page, lost).waitFor({ state: 'detached' });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'keeps its filters in the address, so that a copied link shows the same list',
    async () => {
      const confirmed = await placeFor('Filter Fred', 'fred@example.com');
      const shipped = await placeFor('Filter Fred', 'fred@example.com');
      await placeFor('Another Customer', 'else@example.com');
      await setStatus(colleague, shipped, 'shipped');
      const { page, complaints } = await tested.open('/orders', 'admin');
      await rowOf(page, confirmed).waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('fred@example.com');
      await page.getByText('2 orders').waitFor();
      await page.getByRole('combobox', { name: 'Status' }).selectOption('shipped');
      await page.getByText('1 order', { exact: true }).waitFor();
      expect(
        await page
          .locator('[data-row]')
          .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-row'))),
      ).toEqual([shipped]);
      await page.getByRole('combobox', { name: 'Placed' }).selectOption('today');

      const { pathname, search } = new URL(page.url());
      expect(search).toBe('?q=fred%40example.com&status=shipped&window=today');
      const other = await tested.open(`${pathname}${search}`.replace('/admin', ''), 'reader');
      await rowOf(other.page, shipped).waitFor();
      expect(await other.page.locator('[data-row]').count()).toBe(1);

      await page.getByRole('combobox', { name: 'Placed' }).selectOption('yesterday');
      await page.getByText('No orders match these filters').waitFor();
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await rowOf(page, confirmed).waitFor();
      await page.goBack();
      await page.getByText('No orders match these filters').waitFor();
      expect([...complaints, ...other.complaints]).toEqual([]);
      await page.context().close();
      await other.page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'remembers the columns and the time zone that the user chose',
    async () => {
      const id = await placeFor('Column Cora');
      const { timestamp } = await getOrder(colleague, id);
      const { page, complaints } = await tested.open('/orders', 'admin');
      const placed = rowOf(page, id).locator('time').first();
      expect(await placed.getAttribute('title')).toContain('Europe/Berlin');
      await page.getByText('key:admin').click();
      await page.getByLabel('Time zone').selectOption('UTC');
      expect(await placed.textContent()).toBe(timestamp.slice(11, 19));
      await page.locator('summary', { hasText: 'Columns' }).click();
      await page.getByLabel('Version').check();
      await page.getByRole('checkbox', { name: 'Products' }).uncheck();
      await page.goto(`${tested.service.url}/admin/orders`);
      await page.getByRole('columnheader', { name: 'Version' }).waitFor();
      expect(await page.getByRole('columnheader', { name: 'Products' }).count()).toBe(0);
      expect(await placed.textContent()).toBe(timestamp.slice(11, 19));
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'can be operated by keyboard alone',
    async () => {
      const second = await placeFor('Keyboard Kim');
      const first = await placeFor('Keyboard Kay');
      const { page, complaints } = await tested.open('/incidents', 'admin');
      await page.getByRole('heading', { name: 'Incidents' }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('o');
      await rowOf(page, first).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor({ state: 'hidden' });
      await page.keyboard.press('j');
      await eventually(async () => (await focusedRow(page)) === first);
      await page.keyboard.press('j');
      await eventually(async () => (await focusedRow(page)) === second);
      await page.keyboard.press('x');
      await page.keyboard.press('k');
      await page.keyboard.press('Shift+X');
      await page.getByText('2 selected').waitFor();
      await page.keyboard.press('Escape');
      await page.getByText('2 selected').waitFor({ state: 'detached' });
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: first }).waitFor();
      await page.keyboard.press('s');
      await page.getByRole('radio', { name: 'processing' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByText('The order is shipped').waitFor({ state: 'attached' });
      expect((await getOrder(colleague, first)).status).toBe('shipped');
      await page.keyboard.press('u');
      await rowOf(page, first).getByText('shipped').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'shows what happened and what to do when the service does not respond',
    async () => {
      const { page } = await tested.open('/orders', 'admin');
      await page.locator('[data-row]').first().waitFor();
      await page.route('**/orders?**', (route) => route.abort());
      await page.getByRole('combobox', { name: 'Status' }).selectOption('returned');
      await page.getByText('The service could not be reached').waitFor();
      await page.unroute('**/orders?**');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('No orders match these filters').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('page of an order', () => {
  itInBrowser(
    'opens, ships the order, and shows who did it and why in the history',
    async () => {
      const id = await placeFor('Open Olga');
      const { page, complaints } = await tested.open('/orders', 'admin');
      await rowOf(page, id).getByRole('link').click();
      await page.getByText('Open Olga').first().waitFor();
      const offered = page.getByRole('group', { name: 'Change the order' }).getByRole('button');
      await offered.first().waitFor();
      expect(await offered.allTextContents()).toEqual([
        'Mark as processings',
        'Mark as shipped',
        'Mark as cancelled',
        'Record payment',
        'Edite',
      ]);
      await page.getByRole('button', { name: 'Mark as shipped' }).click();
      await page.getByLabel('Reason').fill('Left with the courier');
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as shipped' }).click();
      await page.getByText('confirmed → shipped').waitFor();
      await page.getByText('Left with the courier').waitFor();
      await page.getByText('Message to the customer').first().waitFor();
      expect((await listEvents(colleague, id)).at(-1)).toMatchObject({
        to: 'shipped',
        actor: 'key:admin',
        reason: 'Left with the courier',
      });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'requires a reason for a cancellation',
    async () => {
      const id = await placeFor('Cancel Carl');
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('button', { name: 'Mark as cancelled' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).click();
      expect((await getOrder(colleague, id)).status).toBe('confirmed');
      await page.getByLabel('Reason').fill('Ordered twice');
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).click();
      await page.getByText('This order is cancelled. That status is final.').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'does not overwrite a concurrent change, and shows it',
    async () => {
      const id = await placeFor('Conflict Cleo');
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('button', { name: 'Mark as cancelled' }).click();
      await setStatus(colleague, id, 'shipped', 'It was urgent');
      await page.getByLabel('Reason').fill('Not paid');
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('Nothing was changed.').waitFor();
      await dialog.getByText('It was urgent').waitFor();
      expect(await dialog.getByRole('row', { name: 'Status' }).getByRole('cell').allTextContents()).toEqual([
        'confirmed',
        'shipped',
      ]);
      expect((await getOrder(colleague, id)).status).toBe('shipped');
      await dialog.getByRole('button', { name: 'View the current order' }).click();
      await page.getByRole('button', { name: 'Mark as delivered' }).waitFor();
      expect(await page.getByRole('button', { name: 'Mark as cancelled' }).count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'shows "not found" for an unknown order',
    async () => {
      const { page } = await tested.open('/orders/01a1ffe2-9b80-748a-ba30-787d85a2b441', 'admin');
      await page.getByText('Order not found').waitFor();
      await page.getByText('Request id').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});
