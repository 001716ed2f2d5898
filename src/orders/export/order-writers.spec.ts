import { describe, expect, it } from '@jest/globals';
import type { Order } from '../order.entity.js';
import { ORDER_WRITERS } from './order-writers.js';

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
  items: [item(1), item(2)],
  ...more,
});

const csv = (...orders: Order[]): string[] => ORDER_WRITERS.csv.write(orders).split('\r\n');
const SAME = `${ID},2026-11-21T20:53:23.456Z,confirmed,2,2026-11-21T20:53:23.456Z,,`;

describe('orders as CSV', () => {
  it('begin with a mark for spreadsheets, and the names of the columns', () => {
    expect(ORDER_WRITERS.csv.begin()).toBe(
      '\u{FEFF}order_id,timestamp,status,version,updated_at,failure,customer_id,customer_name,customer_email,' +
        'currency,order_total,line,product_id,product_name,quantity,price,line_total\r\n',
    );
  });

  it('have a row for each line, with exact amounts', () => {
    expect(csv(order())).toEqual([
      `${SAME},Alice,alice@example.com,USD,0.6,1,P1,Cable,3,0.1,0.3`,
      `${SAME},Alice,alice@example.com,USD,0.6,2,P2,Cable,3,0.1,0.3`,
      '',
    ]);
  });

  it('leave empty what is not known', () => {
    const items = [item(1, { productName: null, price: null })];
    const unpriced = order({ items, totalAmount: null, customerName: null, customerEmail: null });
    expect(csv(unpriced)[0]).toBe(`${SAME},,,USD,,1,P1,,3,,`);
  });

  it.each([
    ['a comma', 'a,b', '"a,b"'],
    ['a quote', 'a"b', '"a""b"'],
    ['a new line', 'a\nb', '"a\nb"'],
    ['other scripts', 'Zoë 日本 🙂', 'Zoë 日本 🙂'],
    ['a formula', '=1+1', "'=1+1"],
    ['a call', '=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ['a plus', '+1', "'+1"],
    ['a minus', '-1', "'-1"],
    ['an at', '@SUM(A1)', "'@SUM(A1)"],
    ['a tab', '\t=1', "'\t=1"],
    ['a wide equals sign', '＝1', "'＝1"],
  ])('keep text with %s what it is', (_name, customerName, cell) => {
    expect(ORDER_WRITERS.csv.write([order({ customerName, items: [item(1)] })])).toContain(`,${cell},alice@`);
  });
});

describe('orders as NDJSON', () => {
  it('are each on a line, as the API answers them', () => {
    const [first, second, end] = ORDER_WRITERS.ndjson
      .write([order(), order({ failure: 'insufficient-stock', customerName: 'a\nb' })])
      .split('\n');
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
