import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { extractText, getDocumentProxy } from 'unpdf';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { type WithApi } from '../support/client.js';
import { findBarriers, rowOf, TEST_MS, TestConsole } from './console.js';

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

/** Elements whose text overflows them, or that extend beyond the window. */
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

describe('layout of the list of orders', () => {
  itInBrowser.each([320, 375, 761, 800, 981, 1_000, 1_100, 1_243, 1_280, 1_920])(
    'shows the whole total and status at a width of %d px',
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

describe('printed order', () => {
  itInBrowser(
    `contains all ${LINES} lines, the total and the whole id`,
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

describe('layout of an order with many lines', () => {
  itInBrowser(
    'shows the total without scrolling the lines, and scrolls the lines by keyboard',
    async () => {
      // 1,280 px at a zoom of 200 %.
      const { page } = await tested.open(`/orders/${id}`, 'admin', { viewport: { width: 640, height: 400 } });
      const lines = page.getByRole('region', { name: 'Lines' });
      await lines.getByText('1,750.00 USD').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      const { total, box } = await lines.evaluate((section) => {
        interface Box {
          querySelector(selector: string): Box;
          getBoundingClientRect(): { bottom: number };
        }
        const root = section as unknown as Box;
        const bottomOf = (selector: string) => root.querySelector(selector).getBoundingClientRect().bottom;
        return { total: bottomOf('tfoot td:last-child'), box: bottomOf('.scroll') };
      });
      expect(total).toBeLessThanOrEqual(box + 1);
      // Without a cue at the edge, a row that ends at the total looks like the last one.
      await lines.getByText(`Total of ${LINES} lines`).waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'prints every time with its date, including times of today',
    async () => {
      const { page } = await tested.open(`/orders/${id}`, 'admin');
      await page.getByRole('region', { name: 'History' }).getByText('pending → confirmed').waitFor();
      const pdf = await getDocumentProxy(new Uint8Array(await page.pdf({ format: 'A4' })));
      const { text } = await extractText(pdf, { mergePages: true });
      expect(text.replaceAll(/\s+/g, ' ')).toMatch(/Placed \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
      await page.context().close();
    },
    TEST_MS,
  );
});

function nameProduct(product: string, name: string, price = 10): void {
  tested.service.sandbox.stock.put(
    { id: product, name, price, quantity: 1_000 },
    { route: 'test', key: null },
  );
}

/** Start position of each text node of an element. Runs in the page, whose types differ from those of the tests. */
function positionsOfTexts(element: unknown): number[] {
  interface Piece {
    nodeType: number;
    childNodes: Iterable<Piece>;
  }
  const { document } = globalThis as unknown as {
    document: {
      createRange(): { selectNodeContents(of: Piece): void; getBoundingClientRect(): { x: number } };
    };
  };
  const textsOf = (piece: Piece): Piece[] =>
    piece.nodeType === 3 ? [piece] : [...piece.childNodes].flatMap(textsOf);
  return textsOf(element as Piece).map((text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    return range.getBoundingClientRect().x;
  });
}

describe('layout of customer and product names', () => {
  const LONG = 'Wolfeschlegelsteinhausenbergerdorff '.repeat(5).trim();
  const RIGHT_TO_LEFT = 'سماعات لاسلكية';

  itInBrowser.each([981, 1_100, 1_280, 1_600])(
    'keeps the total and its currency whole beside very long names at a width of %d px',
    async (width) => {
      const product = newProduct(tested.service.sandbox, 1_000);
      nameProduct(product, LONG, 12_345_678.99);
      const body = orderBody([line(product, 99)], { customer_name: 'N'.repeat(200) });
      const long = await placeOrder(colleague, body);
      const { page } = await tested.open(`/orders?q=${product}`, 'admin', {
        viewport: { width, height: 800 },
      });
      await rowOf(page, long).waitFor();
      expect(await cutOff(page, `[data-row="${long}"] :is(.cell-total, .cell-status, .cell-placed)`)).toEqual(
        [],
      );
      expect(await cutOff(page, 'html')).toEqual([]);
      await page.goto(`${tested.service.url}/admin/orders/${long}`);
      await page.getByRole('region', { name: 'Lines' }).getByText(LONG).waitFor();
      expect(await cutOff(page, '.lines tbody .two-part > :first-child')).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'keeps the numbers around right-to-left names in place',
    async () => {
      const product = newProduct(tested.service.sandbox, 1_000);
      nameProduct(product, RIGHT_TO_LEFT);
      const id3 = await placeOrder(
        colleague,
        orderBody([product, ...products.slice(0, 3)].map((each) => line(each, 2))),
      );
      const { page } = await tested.open(`/orders?q=${product}`, 'admin');
      const cell = rowOf(page, id3).locator('.cell-lines');
      await cell.waitFor();
      expect(await cell.textContent()).toBe(`2 × ${RIGHT_TO_LEFT} + 3`);
      // The name stands between the two numbers, not after both.
      const [first = 0, name = 0, last = 0] = await cell.evaluate(positionsOfTexts);
      expect(first).toBeLessThan(name);
      expect(name).toBeLessThan(last);
      await page.context().close();
    },
    TEST_MS,
  );
});
