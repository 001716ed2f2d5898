import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually } from '../support/service.js';
import { isSignedWith, WebhookReceiver } from '../support/webhook-receiver.js';
import { findBarriers, TEST_MS, TestConsole } from './console.js';

let tested: TestConsole;
let shop: WebhookReceiver;

beforeAll(async () => {
  tested = await TestConsole.start();
}, TEST_MS);
afterAll(() => tested.stop());

beforeEach(async () => {
  shop = await WebhookReceiver.start();
  answer(200);
});
afterEach(async () => {
  await shop.close();
  const { webhooks } = await call('GET', '/webhooks');
  for (const { id } of webhooks as { id: string }[]) await call('DELETE', `/webhooks/${id}`);
});

function answer(status: number): void {
  shop.answer = { status, body: `answer ${status} <b>of the shop</b>` };
}

/** Calls the API as the admin. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests compare values of bodies of several forms
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const response = await tested.service.request(method, path, body, { 'x-api-key': tested.keyOf('admin') });
  expect(response.status).toBeLessThan(300);
  return response.body;
}

const place = () =>
  placeOrder({ api: tested.colleague }, orderBody([line(newProduct(tested.service.sandbox))]));

async function addEndpoint(description = 'The shop'): Promise<{ id: string; secret: string }> {
  return call('POST', '/webhooks', { url: shop.url, description });
}

/** An endpoint that answered 410 and is disabled. */
async function addGone(description = 'The shop'): Promise<string> {
  const { id } = await addEndpoint(description);
  answer(410);
  await place();
  await eventually(async () => (await call('GET', `/webhooks/${id}`)).is_in_trouble);
  return id;
}

describe('webhook endpoints in the console', () => {
  itInBrowser(
    'are added with a secret that is shown once and verifies the test event',
    async () => {
      const { page, complaints } = await tested.open('/webhooks', 'admin');
      await page.getByText('No endpoints yet').waitFor();
      await page.getByRole('button', { name: 'Add endpoint' }).click();
      await page.getByLabel('URL').fill('ftp://shop.example.com');
      await page.getByRole('dialog').getByRole('button', { name: 'Add endpoint' }).click();
      await page.locator('.field-error').waitFor();
      await page.getByLabel('URL').fill(shop.url);
      await page.getByRole('textbox', { name: /^Name/ }).fill('The shop');
      await page.getByLabel('Only these').check();
      await page.getByRole('checkbox', { name: /^order\.confirmed/ }).check();
      await page.getByRole('dialog').getByRole('button', { name: 'Add endpoint' }).click();
      const secret = await page.getByLabel('Signing secret').inputValue();
      expect(secret).toMatch(/^whsec_/);
      await page.getByRole('button', { name: 'I have stored it' }).click();
      await page.getByRole('heading', { name: 'The shop' }).waitFor();
      expect(await page.content()).not.toContain(secret);
      await page.getByRole('button', { name: 'Send test event' }).click();
      await page.getByText('Test event delivered').waitFor();
      await page.getByText('answer 200 <b>of the shop</b>').waitFor();
      expect(shop.calls.map((event) => isSignedWith(secret, event))).toEqual([true]);
      const { webhooks } = await call('GET', '/webhooks');
      expect(webhooks).toMatchObject([
        { url: shop.url, description: 'The shop', events: ['order.confirmed'] },
      ]);
      // The browser reports the response 400 to the wrong URL.
      expect(complaints.filter((text) => !text.includes('400'))).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are edited, disabled, enabled and deleted',
    async () => {
      const { id } = await addEndpoint();
      const { page, complaints } = await tested.open('/webhooks', 'admin');
      await page.getByRole('link', { name: 'The shop' }).click();
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByRole('textbox', { name: /^Name/ }).fill('The warehouse');
      await page.getByLabel('Only these').check();
      await page.getByRole('checkbox', { name: /^order\.shipped/ }).check();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('heading', { name: 'The warehouse' }).waitFor();
      expect(await call('GET', `/webhooks/${id}`)).toMatchObject({
        description: 'The warehouse',
        events: ['order.shipped'],
      });
      await page.getByRole('button', { name: 'Disable' }).click();
      await page.getByRole('button', { name: 'Enable' }).waitFor();
      expect(await call('GET', `/webhooks/${id}`)).toMatchObject({
        state: 'disabled',
        disabled_reason: 'operator',
      });
      await page.getByRole('button', { name: 'Enable' }).click();
      await page.getByRole('button', { name: 'Disable' }).waitFor();
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete endpoint' }).click();
      await page.getByText('No endpoints yet').waitFor();
      expect((await call('GET', '/webhooks')).webhooks).toEqual([]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'get a new secret, with the old one still valid',
    async () => {
      const { id, secret } = await addEndpoint();
      const { page, complaints } = await tested.open(`/webhooks/${id}`, 'admin');
      await page.getByRole('button', { name: 'Rotate secret' }).click();
      await page.getByLabel('The old secret signs too for').selectOption('a week');
      await page.getByRole('dialog').getByRole('button', { name: 'Rotate secret' }).click();
      const rotated = await page.getByLabel('Signing secret').inputValue();
      expect(rotated).not.toBe(secret);
      await page.getByRole('button', { name: 'I have stored it' }).click();
      await page.getByText('signs until').waitFor();
      await page.getByRole('button', { name: 'Send test event' }).click();
      await page.getByText('Test event delivered').waitFor();
      for (const known of [secret, rotated]) {
        expect(shop.calls.map((event) => isSignedWith(known, event))).toEqual([true]);
      }
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'show what they answered, and are sent past events again',
    async () => {
      const { id } = await addEndpoint();
      answer(500);
      const order = await place();
      const { page, complaints } = await tested.open(`/webhooks/${id}`, 'admin');
      const row = page.locator(`[data-row="${order}/1"]`);
      await row.getByText('Retrying').waitFor();
      await row.getByText('500', { exact: true }).waitFor();
      await row.getByText('500', { exact: true }).click();
      await row.getByText('answer 500 <b>of the shop</b>').waitFor();
      answer(200);
      await row.getByText('Delivered').waitFor();
      await page.locator(`[data-row="${order}/2"]`).getByText('Delivered').waitFor();
      await page.getByLabel('State').selectOption('Failed');
      await page.getByText('No such deliveries').waitFor();
      await page.getByLabel('State').selectOption('any');
      const before = shop.ids.filter((event) => event === `${order}/2`).length;
      await page.getByRole('button', { name: 'Replay events' }).click();
      await page.getByLabel('Range by').selectOption('feed number');
      await page.getByLabel('Events after feed number').fill('0');
      await page.getByRole('button', { name: 'Start replay' }).click();
      await eventually(() => shop.ids.filter((event) => event === `${order}/2`).length === before + 1);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'have a replay that can be cancelled',
    async () => {
      const { id } = await addEndpoint();
      await place();
      await eventually(() => shop.ids.length === 2);
      // A disabled endpoint makes no progress.
      await call('POST', `/webhooks/${id}/disable`);
      await call('POST', `/webhooks/${id}/replay`, { after: 0 });
      const { page, complaints } = await tested.open(`/webhooks/${id}`, 'admin');
      await page.getByRole('button', { name: 'Cancel replay' }).click();
      await page.getByRole('button', { name: 'Replay events' }).waitFor();
      expect((await call('GET', `/webhooks/${id}`)).replay).toBeNull();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are shown on every page while they are in trouble',
    async () => {
      const id = await addGone();
      for (const path of ['/orders', '/incidents', '/health', '/webhooks', '/nowhere']) {
        const { page } = await tested.open(path, 'admin');
        await page.locator('.banner').getByText('is in trouble').waitFor();
        await page.context().close();
      }
      const { page, complaints } = await tested.open('/orders', 'admin');
      await page.locator('.banner').getByRole('link', { name: 'The shop' }).click();
      await page.getByText('answered 410 (Gone)').waitFor();
      answer(200);
      await page.getByRole('button', { name: 'Enable' }).click();
      await page.getByText('answered 410 (Gone)').waitFor({ state: 'detached' });
      expect((await call('GET', `/webhooks/${id}`)).state).toBe('enabled');
      // The refused event needs a decision.
      await page.getByText('1 event failed for good').waitFor();
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete endpoint' }).click();
      await page.locator('.banner').waitFor({ state: 'detached' });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are hidden from callers without the scope',
    async () => {
      await addGone();
      const { page, complaints } = await tested.open('/webhooks', 'operator');
      await page.getByText('You don’t have access to this page').waitFor();
      expect(await page.getByRole('link', { name: 'Webhooks' }).count()).toBe(0);
      expect(await page.locator('.banner').count()).toBe(0);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'that were deleted or cannot be loaded show an error',
    async () => {
      const { page } = await tested.open('/webhooks/01a20081-e5b1-711a-9ca1-5d87e9bb00d7', 'admin');
      await page.getByText('It may have been deleted').waitFor();
      await page.route('**/webhooks', (route) =>
        route.request().resourceType() === 'document' ? route.continue() : route.abort('connectionrefused'),
      );
      await page.goto(`${tested.service.url}/admin/webhooks`);
      await page.getByText('The service could not be reached').waitFor();
      expect(await page.getByText('No endpoints yet').count()).toBe(0);
      await page.unroute('**/webhooks');
      await page.getByText('No endpoints yet').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );
});

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 375],
  ['light', 320],
] as const;

describe('accessibility of the pages of webhooks', () => {
  itInBrowser.each(LOOKS)(
    'has no violation and no horizontal overflow: %s, %d px wide',
    async (colorScheme, width) => {
      const { id } = await addEndpoint('A name that is long enough to need more than one line on a phone');
      answer(503);
      await place();
      await eventually(async () => (await call('GET', `/webhooks/${id}/deliveries`)).deliveries.length > 0);
      await queryDatabase(
        tested.service.database.url,
        `UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = 'gone', disabled_at = now()`,
      );
      const viewport = { width, height: 800 };
      const options = { colorScheme, viewport } as const;
      const found: Record<string, string[]> = {};
      for (const path of ['/webhooks', `/webhooks/${id}`]) {
        const { page, complaints } = await tested.open(path, 'admin', options);
        await page.locator('[data-row]').first().waitFor();
        await page.locator('.banner').waitFor();
        found[path] = [...(await findBarriers(page, colorScheme === 'dark')), ...complaints];
        const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
        if (overflow > 0) found[path].push(`${overflow} px are beside the screen`);
        const names =
          path === '/webhooks' ? ['Add endpoint'] : ['Edit', 'Rotate secret', 'Replay events', 'Delete'];
        for (const name of names) {
          await page.getByRole('button', { name, exact: true }).click();
          await page.getByRole('dialog').waitFor();
          found[`${path}: ${name}`] = await findBarriers(page, colorScheme === 'dark');
          await page.keyboard.press('Escape');
          await page.getByRole('dialog').waitFor({ state: 'detached' });
        }
        await page.context().close();
      }
      expect(Object.entries(found).filter(([, barriers]) => barriers.length > 0)).toEqual([]);
    },
    TEST_MS,
  );
});
