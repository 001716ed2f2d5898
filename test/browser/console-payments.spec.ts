import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, setStock } from '../support/builders.js';
import { expireOrder } from '../support/holds.js';
import { findBarriers, picture, rowOf, TEST_MS, TestConsole } from './console.js';

const HOLD_SECONDS = 3_600;

let tested: TestConsole;

beforeAll(async () => {
  tested = await TestConsole.start();
}, TEST_MS);
afterAll(() => tested.stop());

/** Calls the API as the admin. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests compare values of bodies of several forms
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const response = await tested.service.request(method, path, body, { 'x-api-key': tested.keyOf('admin') });
  return response.body;
}

/** Places an order of 20 USD. @param hold whether its stock is held for a payment */
async function place(hold = true, product = newProduct(tested.service.sandbox)): Promise<string> {
  const placed = await call('POST', '/orders', {
    ...orderBody([line(product, 2)]),
    ...(hold && { hold_seconds: HOLD_SECONDS }),
  });
  expect(placed.status).toBe(hold ? 'reserved' : 'confirmed');
  return placed.order_id;
}

/** An order that was paid after its hold, when the stock was gone. */
async function payTooLate(): Promise<string> {
  const product = newProduct(tested.service.sandbox);
  const id = await place(true, product);
  await expireOrder(tested.service, id);
  setStock(tested.service.sandbox, product, 1);
  const answer = await call('POST', `/orders/${id}/confirm`, { payment: { reference: 'pay_late' } });
  expect(answer.type).toBe('/problems/reservation-expired');
  return id;
}

/** As shares are shown. */
const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;

describe('payments of an order in the console', () => {
  itInBrowser(
    'are recorded without a change of the status',
    async () => {
      const id = await place(false);
      await call('POST', `/orders/${id}/payments`, { reference: 'pay_1', state: 'captured', amount: 20 });
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.locator('.payment-paid').waitFor();
      expect(await page.getByRole('button', { name: 'Extend' }).count()).toBe(0);
      await page.getByRole('button', { name: 'Record payment' }).click();
      const dialog = page.getByRole('dialog', { name: 'Record a payment' });
      const submit = dialog.getByRole('button', { name: 'Record' });
      expect(await dialog.getByLabel('Amount in USD').inputValue()).toBe('20');
      await dialog.getByLabel('Payment reference').fill('4111 1111 1111 1111');
      await dialog.getByLabel('State').selectOption('refunded');
      await dialog.getByLabel('Amount in USD').fill('5.5');
      await submit.click();
      await dialog.locator('.field-error').getByText('not a card number').waitFor();
      await dialog.getByLabel('Payment reference').fill('re_1');
      await submit.click();
      await dialog.waitFor({ state: 'detached' });
      await page.locator('.payment-partially_refunded').getByText('partially refunded').waitFor();
      await page.getByText('Payment refunded: 5.50 USD (re_1)').waitFor();
      expect(await call('GET', `/orders/${id}`)).toMatchObject({
        status: 'confirmed',
        payments: [{ reference: 'pay_1' }, { reference: 're_1', state: 'refunded', amount: 5.5 }],
      });
      // The same payment with another amount.
      await page.getByRole('button', { name: 'Record payment' }).click();
      await dialog.getByLabel('Payment reference').fill('pay_1');
      await dialog.getByLabel('Amount in USD').fill('19');
      await submit.click();
      await dialog.getByText('Payment already recorded').waitFor();
      await dialog.getByText('needs a reference of its own').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'are shown without actions to readers',
    async () => {
      const id = await place();
      const { page, complaints } = await tested.open(`/orders/${id}`, 'reader');
      await page.getByRole('timer').waitFor();
      await page.getByText('No payments recorded').waitFor();
      for (const name of ['Confirm', 'Extend', 'Record payment'])
        expect(await page.getByRole('button', { name }).count()).toBe(0);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'that are awaited have a filter of their own in the list',
    async () => {
      const [reserved, confirmed] = [await place(), await place(false)];
      const { page, complaints } = await tested.open('/orders', 'admin');
      await rowOf(page, confirmed).waitFor();
      await rowOf(page, reserved).locator('.badge-reserved').waitFor();
      await page.getByRole('combobox', { name: 'Status' }).selectOption('awaiting payment: reserved');
      await rowOf(page, confirmed).waitFor({ state: 'detached' });
      await rowOf(page, reserved).waitFor();
      expect(page.url()).toContain('status=reserved');
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'that came and did not come in time are shares of the holds on the health page',
    async () => {
      const paid = await place();
      await call('POST', `/orders/${paid}/confirm`);
      await expireOrder(tested.service, await place());
      const { page, complaints } = await tested.open('/health', 'admin');
      const holds = page.getByRole('region', { name: 'Holds of the orders placed in this time' });
      await holds.waitFor();
      const { holds: figures } = await call('GET', '/operations/figures?window=hour');
      const ended = figures.confirmed + figures.expired + figures.cancelled;
      expect((await holds.innerText()).replaceAll(/\s+/g, ' ')).toContain(
        `Awaiting payment ${figures.reserved} View orders ` +
          `Confirmed ${percent(figures.conversion)} ${figures.confirmed} of ${ended} ended ` +
          `Expired ${percent(figures.expired_share)} ${figures.expired} of ${ended} ended Cancelled ${figures.cancelled}`,
      );
      await holds.getByRole('link', { name: 'View orders' }).click();
      await page.locator('.badge-reserved').first().waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 375],
  ['dark', 375],
  ['light', 320],
] as const;

describe('accessibility of holds and payments', () => {
  itInBrowser.each(LOOKS)(
    'has no violation and no horizontal overflow: %s, %d px wide',
    async (colorScheme, width) => {
      const reserved = await place();
      const reference = 'a_reference_that_is_far_longer_than_the_column_beside_the_lines_of_the_order';
      for (const state of ['declined', 'authorized', 'captured', 'refunded'])
        await call('POST', `/orders/${reserved}/payments`, {
          reference,
          state,
          amount: state === 'refunded' ? 5 : 12.5,
        });
      const paths = {
        [`/orders/${reserved}`]: '.payment-partially_refunded',
        [`/orders/${await payTooLate()}`]: 'text=Paid, but without stock',
        '/health': '#holds',
        '/orders': '.badge-expired',
      };
      const found: Record<string, string[]> = {};
      for (const [path, shown] of Object.entries(paths)) {
        const options = { colorScheme, viewport: { width, height: 800 } } as const;
        const { page, complaints } = await tested.open(path, 'admin', options);
        const isDark = colorScheme === 'dark';
        const name = path.replaceAll('/', '-').replaceAll(/-[\da-f]{4,}/g, '');
        await page.locator(shown).first().waitFor();
        found[path] = [...(await findBarriers(page, isDark)), ...complaints];
        const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
        if (overflow > 0) found[path].push(`${overflow} px are beside the screen`);
        await picture(page, `holds${name}-${shown.length}-${colorScheme}-${width}`);
        const dialogs = path.endsWith(reserved) ? ['Confirm', 'Extend', 'Record payment'] : [];
        for (const dialog of dialogs) {
          await page.getByRole('button', { name: dialog }).click();
          await page.getByRole('dialog').waitFor();
          found[`${path}: ${dialog}`] = await findBarriers(page, isDark);
          await picture(page, `holds-${dialog.replace(' ', '-')}-${colorScheme}-${width}`);
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
