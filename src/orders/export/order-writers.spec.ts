import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Order } from '../order.entity.js';
import { type ExportRows, parseColumns } from './export-columns.js';
import { csvWriter, NDJSON_WRITER, type OrderWriter } from './order-writers.js';

const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
const TIME = new Date('2026-11-21T20:53:23.456Z');

const item = (id: number, more: object = {}) => ({
  orderId: ID,
  id,
  productId: `P${id}`,
  productName: 'Cable',
  quantity: 3,
  price: '0.1000',
  reservation: 'held' as const,
  sku: null,
  options: null,
  metadata: null,
  ...more,
});

const order = (more: Partial<Order> = {}): Order => ({
  id: ID,
  customerId: null,
  customerName: 'Alice',
  customerEmail: 'alice@example.com',
  status: 'confirmed',
  currency: 'USD',
  totalAmount: '0.6000',
  version: 2,
  cartId: null,
  failure: null,
  placedAt: TIME,
  updatedAt: TIME,
  attempt: 1,
  leaseUntil: null,
  toPrice: null,
  holdSeconds: null,
  expiresAt: null,
  stockUntil: null,
  stockGeneration: 1,
  isReservingAgain: false,
  payments: null,
  number: '1001',
  customerPhone: null,
  shippingAddress: null,
  billingAddress: null,
  note: null,
  tags: null,
  metadata: null,
  charges: null,
  source: null,
  sourceOrderId: null,
  chargesAmount: null,
  items: [item(1), item(2)],
  ...more,
});

/** @param names of columns, between commas; those of the release without them */
function writerFor(rows: ExportRows, names?: string): OrderWriter {
  const columns = parseColumns(rows, names);
  if (typeof columns === 'string') throw new Error(columns);
  return csvWriter(rows, columns);
}

const CSV = writerFor('lines');

const csv = (...orders: Order[]): string[] => [...CSV.write(orders)].join('').split('\r\n');
const SAME = `"${ID}","2026-11-21T20:53:23.456Z","confirmed",2,"2026-11-21T20:53:23.456Z",,`;

/** How programs read quotes: only where a cell begins (Excel), anywhere (LibreOffice's lenient mode), or not at all. */
type Quotes = 'at the start' | 'anywhere' | 'ignored';

/** The cells of a CSV file that is opened with a separator, which need not be the one that it was written with. */
function cellsOf(text: string, separator: string, quotes: Quotes): string[] {
  const cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  let isAtStart = true;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[index + 1] === '"') cell += text[(index += 1)];
      else isQuoted = false;
    } else if (character === separator || character === '\r' || character === '\n') {
      cells.push(cell);
      cell = '';
      isAtStart = true;
      continue;
    } else if (character === '"' && (quotes === 'anywhere' || (quotes === 'at the start' && isAtStart))) {
      isQuoted = true;
    } else {
      cell += character;
    }
    isAtStart = false;
  }
  return [...cells, cell];
}

const FORMULA = /^[\s"]*[=+\-@＝＋－＠]/;
const SEPARATORS = [',', ';', '\t', '|', ':'];

/** A word between spaces that can do harm: one with a letter, or with what calls a function or another program. */
const FORMULA_WORD = /^"*[=+\-@＝＋－＠]\S*[\p{L}(|!]/u;
const QUOTES: Quotes[] = ['at the start', 'anywhere', 'ignored'];

describe('orders as CSV', () => {
  it('starts with a byte order mark and the column names', () => {
    expect(CSV.begin()).toBe(
      '\u{FEFF}"order_id","timestamp","status","version","updated_at","failure","customer_id","customer_name",' +
        '"customer_email","currency","order_total","line","product_id","product_name","quantity","price","line_total"\r\n',
    );
  });

  it('has a row for each line, with exact amounts', () => {
    expect(csv(order())).toEqual([
      `${SAME},"Alice","alice@example.com","USD",0.6,1,"P1","Cable",3,0.1,0.3`,
      `${SAME},"Alice","alice@example.com","USD",0.6,2,"P2","Cable",3,0.1,0.3`,
      '',
    ]);
  });

  it('leaves unknown values empty', () => {
    const items = [item(1, { productName: null, price: null })];
    const unpriced = order({ items, totalAmount: null, customerName: null, customerEmail: null });
    expect(csv(unpriced)[0]).toBe(`${SAME},,,"USD",,1,"P1",,3,,`);
  });

  it.each([
    ['a comma', 'a,b', '"a,b"'],
    ['a quote', 'a"b', '"a""b"'],
    ['a new line', 'a\nb', '"a\nb"'],
    ['other scripts', 'Zoë 日本 🙂', '"Zoë 日本 🙂"'],
    ['a hyphen', 'Anne-Marie - Cable', '"Anne-Marie - Cable"'],
    ['a dash between words', 'Cable - 2 m', '"Cable - 2 m"'],
    ['signs before numbers', 'Fan -10 to +5 V', '"Fan -10 to +5 V"'],
    ['a formula', '=1+1', `"'=1+1"`],
    ['a formula after a space', 'Ann =cmd|x', `"Ann '=cmd|x"`],
    ['a call after a space', 'Ann @SUM(1)', `"Ann '@SUM(1)"`],
    ['a formula after a colon', 'A:=1+1', `"A:'=1+1"`],
    ['a call', '=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ['a plus', '+1', `"'+1"`],
    ['a minus', '-1', `"'-1"`],
    ['an at', '@SUM(A1)', `"'@SUM(A1)"`],
    ['a tab', '\t=1', `"'\t'=1"`],
    ['a wide equals sign', '＝1', `"'＝1"`],
    ['a formula after a semicolon', 'A;=1+1', `"A;'=1+1"`],
    ['a formula after a comma and a space', 'A, =1+1', `"A,' '=1+1"`],
    ['a formula after a new line', 'A\r\n=1+1', `"A\r\n'=1+1"`],
    ['a quoted formula after a semicolon', 'A;"=1+1', `"A;'""=1+1"`],
  ])('writes text with %s', (_name, customerName, cell) => {
    expect(csv(order({ customerName, items: [item(1)] })).join('\r\n')).toContain(`,${cell},"alice@`);
  });

  it.each([
    'A;=1+1+cmd|x',
    'A\t=1+1',
    'A,=1+1',
    'A|=1+1',
    'A\n=1+1',
    'A;""=1+1',
    'A; =1+1',
    'A:=1+1',
    'A =cmd|x',
  ])('has no formula in %j with any separator of a spreadsheet', (text) =>
    expect(formulasIn(text)).toEqual([]),
  );

  it('has no formula in any mix of separators, quotes and operators', () => {
    const character = fc.constantFrom(...'=+-@＝;:,|\t\r\n"\' A');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        expect(formulasIn(text)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The cells that are formulas once a file with this text in every free field is opened, in any of the ways. */
function formulasIn(text: string): string[] {
  const items = [item(1, { productId: text, productName: text })];
  const about = { customerId: text, customerName: text, customerEmail: text, items };
  const file = CSV.begin() + [...CSV.write([order(about)])].join('');
  const cells = SEPARATORS.flatMap((separator) =>
    QUOTES.flatMap((quotes) => cellsOf(file, separator, quotes)),
  ).filter((cell) => FORMULA.test(cell));
  const words = QUOTES.flatMap((quotes) => cellsOf(file, ' ', quotes));
  return [...cells, ...words.filter((word) => FORMULA_WORD.test(word))];
}

describe('orders as NDJSON', () => {
  it('has an order a line, as the API returns it', () => {
    const failed = order({ failure: 'insufficient-stock', customerName: 'a\nb' });
    const [first, second, end] = [...NDJSON_WRITER.write([order(), failed])].join('').split('\n');
    expect(JSON.parse(first ?? '')).toMatchObject({
      order_id: ID,
      total_amount: 0.6,
      items: [{ price: 0.1 }, {}],
    });
    expect(JSON.parse(second ?? '')).toMatchObject({
      failure: '/problems/insufficient-stock',
      customer_name: 'a\nb',
    });
    expect(end).toBe('');
  });
});
