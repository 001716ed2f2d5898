import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import {
  clearFaults,
  endFaults,
  line,
  newProduct,
  orderBody,
  placeOrder,
  statusesTold,
} from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { getOrder, listEvents, listIncidents, setStatus, type WithApi } from '../support/client.js';
import { eventually } from '../support/service.js';
import { findBarriers, TEST_MS, TestConsole } from './console.js';

let tested: TestConsole;
let colleague: WithApi;

beforeAll(async () => {
  // Tasks exhaust their attempts at once.
  tested = await TestConsole.start({ JOB_RETRY_LIMIT: '0', JOB_RETRY_MAX_SECONDS: '1' });
  colleague = { api: tested.colleague };
}, TEST_MS);
afterAll(async () => {
  clearFaults(tested.service.sandbox);
  await tested.stop();
});

/** An order that is accepted with 202 and then rejected for insufficient stock. */
async function placeRejected(): Promise<void> {
  const body = orderBody([line(newProduct(tested.service.sandbox, 1), 5)]);
  const { data } = await tested.colleague.POST('/orders', {
    body,
    params: { header: { Prefer: 'respond-async' } },
  });
  await eventually(async () => data && (await getOrder(colleague, data.order_id)).status === 'rejected');
}

const place = () => placeOrder(colleague, orderBody([line(newProduct(tested.service.sandbox))]));

/** An order whose notification ran out of attempts during an outage of the notification service. */
async function placeUntold(): Promise<string> {
  tested.service.sandbox.services.notification.faults.add({ kind: 'status', status: 500 });
  const id = await place();
  await eventually(async () => {
    const { incidents } = await listIncidents(colleague, { limit: 200 });
    return incidents.some((incident) => incident.order_id === id);
  });
  return id;
}

describe('incidents in the console', () => {
  itInBrowser(
    'are counted in the menu, listed with their reason, and retried on request',
    async () => {
      const id = await placeUntold();
      const { page, complaints } = await tested.open('/', 'operator');
      await page.getByRole('link', { name: 'Incidents 1 open' }).waitFor();
      const row = page.locator('[data-row]');
      await row.getByText('Message not delivered').waitFor();
      await row.getByText('notification service: answered 500').waitFor();
      await endFaults(tested.service.sandbox);
      await page.keyboard.press('j');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').getByText('again', { exact: false }).first().waitFor();
      await page.getByLabel('Reason').fill('The service is back');
      await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
      await page.getByText('No open incidents').waitFor();
      await eventually(() => statusesTold(tested.service.sandbox, id).includes('confirmed'));
      expect((await listEvents(colleague, id)).at(-1)).toMatchObject({
        type: 'incident_settled',
        actor: 'key:operator',
        reason: 'The service is back',
      });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are grouped by cause, and retried or written off together after a confirmation',
    async () => {
      const ids = [await placeUntold(), await placeUntold(), await placeUntold()];
      await queryDatabase(
        tested.service.database.url,
        `UPDATE tasks SET last_error = 'notification service: answered 500' WHERE state = 'dead'`,
      );
      const { page, complaints } = await tested.open('/incidents', 'operator');
      await page.getByRole('table', { name: 'Same cause' }).getByText('3 incidents').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await endFaults(tested.service.sandbox);
      await page.getByRole('button', { name: /^Write off all 3: / }).press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Write off 3 incidents' });
      await dialog.getByText('not notified of this change', { exact: false }).waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: /^Retry all 3: / }).press('Enter');
      await page.getByLabel('Reason').fill('The service is back');
      await page.getByRole('button', { name: 'Retry 3 incidents' }).click();
      await page.getByText('No open incidents').waitFor();
      for (const id of ids) {
        await eventually(() => statusesTold(tested.service.sandbox, id).includes('confirmed'));
        expect((await listEvents(colleague, id)).at(-1)).toMatchObject({
          type: 'incident_settled',
          actor: 'key:operator',
          reason: 'The service is back',
        });
      }
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are also retried from the page of the order',
    async () => {
      const id = await placeUntold();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByText('notification service: answered 500').first().waitFor();
      await endFaults(tested.service.sandbox);
      await page.getByRole('button', { name: 'Retry now' }).click();
      await eventually(() => statusesTold(tested.service.sandbox, id).includes('confirmed'));
      await page.getByRole('button', { name: 'Retry now' }).waitFor({ state: 'detached' });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'appear in the figures',
    async () => {
      await place();
      const { page, complaints } = await tested.open('/health', 'operator');
      await page.getByText('inventory', { exact: false }).first().waitFor();
      const placed = page.locator('.card', { hasText: 'Placed' }).locator('dd');
      expect(Number(await placed.textContent())).toBeGreaterThan(0);
      await page.locator('.chart canvas').waitFor();
      await page.getByText('As a table').click();
      await page.getByRole('region', { name: 'Numbers of the chart' }).waitFor();
      await page.getByRole('button', { name: 'Last day' }).click();
      await page.waitForURL(/window=day/);
      await page.locator('.chart canvas').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('order history in the console', () => {
  itInBrowser(
    'shows the calls to the inventory and the notification of the customer',
    async () => {
      const { inventory } = tested.service.sandbox.services;
      inventory.faults.add({ kind: 'status', status: 500, method: 'PUT', times: 1 });
      const id = await place();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'admin');
      const entries = page.getByRole('region', { name: 'History' }).getByRole('listitem');
      const confirmed = entries.filter({ hasText: 'pending → confirmed' });
      await confirmed.getByText('2 calls (1 × 2xx, 1 × 5xx)').waitFor();
      await confirmed.getByText('Inventory reservation: 1 line held').waitFor();
      await confirmed.getByText('message to the customer sent').waitFor();
      await setStatus(colleague, id, 'cancelled', 'Not wanted');
      const released = entries.filter({ hasText: 'Stock released' });
      await released.getByText('Inventory release: 1 line released').waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});

const EVERY_COLUMN =
  'order,customer,placed,status,lines,total,failure,updated,customer_id,order_id,source,tags,version';

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 375],
] as const;

describe('accessibility', () => {
  itInBrowser.each(LOOKS)(
    'has no violation and no horizontal overflow on any page: %s, %d px wide',
    async (colorScheme, width) => {
      const id = await placeUntold();
      await placeRejected();
      const found: Record<string, string[]> = {};
      const viewport = { width, height: 800 };
      for (const path of [
        '/orders',
        `/orders?columns=${EVERY_COLUMN}`,
        `/orders/${id}`,
        '/incidents',
        '/health',
        '/nowhere',
      ]) {
        const { page, complaints } = await tested.open(path, 'admin', { colorScheme, viewport });
        await page.locator('main :is([data-row], dl, .empty)').first().waitFor();
        found[path] = [...(await findBarriers(page, colorScheme === 'dark')), ...complaints];
        const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
        if (overflow > 0) found[path].push(`${overflow} px are beside the screen`);
        if (path === '/orders') {
          await page.keyboard.press('j');
          await page.keyboard.press('x');
          await page.keyboard.press('s');
          await page.getByRole('dialog').waitFor();
          found['the dialog'] = await findBarriers(page, colorScheme === 'dark');
        }
        await page.context().close();
      }
      const { page } = await tested.open('/', undefined, { colorScheme, viewport });
      await page.getByLabel('API key or access token').waitFor();
      found['signing in'] = await findBarriers(page, colorScheme === 'dark');
      await page.context().close();
      expect(Object.entries(found).filter(([, barriers]) => barriers.length > 0)).toEqual([]);
      clearFaults(tested.service.sandbox);
    },
    TEST_MS,
  );
});
