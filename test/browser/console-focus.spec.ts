import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { clearFaults, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { listIncidents, type WithApi } from '../support/client.js';
import { eventually } from '../support/service.js';
import { TEST_MS, TestConsole } from './console.js';

/** Tasks are claimed, fail and become dead within two seconds; a busy machine needs longer. */
const INCIDENTS_MS = 30_000;

let tested: TestConsole;
let colleague: WithApi;

beforeAll(async () => {
  tested = await TestConsole.start({ JOB_RETRY_LIMIT: '0', JOB_RETRY_MAX_SECONDS: '1' });
  colleague = { api: tested.colleague };
}, TEST_MS);
afterAll(async () => {
  clearFaults(tested.service.sandbox);
  await tested.stop();
});

const place = (): Promise<string> =>
  placeOrder(colleague, orderBody([line(newProduct(tested.service.sandbox))], { customer_id: 'focus' }));

/** Tag of the focused element; `BODY` when the focused element was removed. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { document } = globalThis as unknown as { document: { activeElement: { tagName: string } | null } };
    return document.activeElement?.tagName ?? 'BODY';
  });

describe('keyboard focus', () => {
  itInBrowser(
    'stays in the page after a bulk status change',
    async () => {
      const id = await place();
      const { page } = await tested.open('/orders?q=focus', 'admin');
      await page.locator(`[data-row="${id}"]`).getByRole('checkbox').check();
      await page.getByRole('button', { name: 'Change status' }).press('Enter');
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).press('Enter');
      await page.getByText('1 changed').waitFor();
      await page
        .getByRole('dialog')
        .getByRole('button', { name: 'Close', exact: true })
        .last()
        .press('Enter');
      await page.getByText('1 selected').waitFor({ state: 'detached' });
      expect(await focused(page)).not.toBe('BODY');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'stays in the page after a bulk status change during which the user left the page',
    async () => {
      const id = await place();
      const { page } = await tested.open('/health', 'admin');
      await page.getByRole('link', { name: 'Orders' }).click();
      await page.locator(`[data-row="${id}"]`).getByRole('checkbox').check();
      await page.getByRole('button', { name: 'Change status' }).click();
      const { promise, resolve } = Promise.withResolvers<void>();
      await page.route('**/orders/bulk-status', async (route) => {
        await promise;
        await route.continue();
      });
      await page.getByRole('dialog').getByRole('button', { name: 'Mark 1 as' }).click();
      await page.getByRole('button', { name: 'Stop' }).waitFor();
      expect(await focused(page)).toBe('DIALOG');
      await page.goBack();
      await page.getByRole('heading', { name: 'Health' }).waitFor();
      resolve();
      await page.getByText('Done: 1 of 1').waitFor();
      // "Close" receives the focus by default, wherever it was during the change.
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await focused(page)).not.toBe('BODY');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'stays in the page after a cancellation, which removes its button',
    async () => {
      const id = await place();
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('button', { name: 'Mark as cancelled' }).press('Enter');
      await page.getByLabel('Reason').fill('Not wanted');
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).press('Enter');
      await page.getByText('This order is cancelled. That status is final.').waitFor();
      expect(await focused(page)).not.toBe('BODY');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'moves to the next incident after an incident is resolved',
    async () => {
      tested.service.sandbox.services.notification.faults.add({ kind: 'status', status: 500 });
      const ids = [await place(), await place()];
      // The last message about an earlier order may fail as well.
      await eventually(async () => {
        const { incidents } = await listIncidents(colleague);
        return incidents.filter(({ order_id }) => ids.includes(order_id)).length === ids.length;
      }, INCIDENTS_MS);
      const { page } = await tested.open('/incidents', 'operator');
      const first = page.locator('[data-row]', { hasText: ids[0]?.slice(-8) ?? '' });
      await first.getByRole('button', { name: 'Write off' }).press('Enter');
      await page.getByLabel('Reason').fill('The customer knows');
      await page.getByRole('dialog').getByRole('button', { name: 'Write off' }).press('Enter');
      await first.waitFor({ state: 'detached' });
      expect(await focused(page)).toBe('A');
      await page.context().close();
    },
    TEST_MS,
  );
});
