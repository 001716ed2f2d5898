import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { extractText, getDocumentProxy } from 'unpdf';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { type WithApi } from '../support/client.js';
import { TEST_MS, TestConsole } from './console.js';

const LINES = 25;

let tested: TestConsole;
let colleague: WithApi;
let products: string[] = [];
let id = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  products = Array.from({ length: LINES }, () => newProduct(tested.service.sandbox, 1_000));
  const name = 'Maximiliane Oberhofer-Wittgenstein';
  const body = orderBody(
    products.map((product) => line(product, 7)),
    { customer_name: name, customer_email: 'maximiliane.oberhofer-wittgenstein@example.com' },
  );
  id = await placeOrder(colleague, body);
}, TEST_MS);
afterAll(() => tested.stop());

/** Elements whose text is wider than they are, or that reach beyond the window. */
function cutOff(page: Page, selector: string): Promise<string[]> {
  return page.locator(selector).evaluateAll((elements) =>
    (
      elements as unknown as {
        scrollWidth: number;
        clientWidth: number;
        textContent: string;
        getBoundingClientRect(): { right: number };
      }[]
    )
      .filter(
        (element) =>
          element.scrollWidth > element.clientWidth ||
          element.getBoundingClientRect().right >
            (globalThis as unknown as { innerWidth: number }).innerWidth,
      )
      .map(({ textContent }) => textContent),
  );
}

describe('the list of orders', () => {
  itInBrowser.each([320, 375, 761, 800, 981, 1_000, 1_100, 1_243, 1_280, 1_920])(
    'shows the total and the status whole at a width of %d px',
    async (width) => {
      const { page } = await tested.open('/orders', 'admin', { viewport: { width, height: 800 } });
      await page.locator(`[data-row="${id}"]`).waitFor();
      expect(await page.locator(`[data-row="${id}"] .cell-total`).textContent()).toBe('1,750.00 USD');
      expect(
        await cutOff(page, `[data-row="${id}"] :is(.cell-total, .cell-status, .cell-placed, .cell-order)`),
      ).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});

describe('an order on paper', () => {
  itInBrowser(
    `has all of its ${LINES} lines, the total and the whole id`,
    async () => {
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('region', { name: 'History' }).getByText('pending → confirmed').waitFor();
      const pdf = await getDocumentProxy(new Uint8Array(await page.pdf({ format: 'A4' })));
      const { text } = await extractText(pdf, { mergePages: true });
      const words = text.replaceAll(/\s+/g, ' ');
      expect(products.filter((product) => !words.includes(product))).toEqual([]);
      expect(words).toContain('1,750.00 USD');
      expect(words).toContain(id);
      expect(words).toContain('Maximiliane Oberhofer-Wittgenstein');
      expect(words).not.toContain('Mark as');
      await page.context().close();
    },
    TEST_MS,
  );
});
