import { describe, expect, it } from '@jest/globals';
import { Big } from 'big.js';
import fc from 'fast-check';
import { CHARGE_TYPES, type Charge, type FlatObject } from '../../src/orders/details/order-details.js';
import { type Content, ID, orderOf, parseCsv, TIME } from '../support/exported-orders.js';
import type { Order } from '../../src/orders/order.entity.js';
import { chargesTotalOf, grandTotalOf, totalOf } from '../../src/orders/pricing/order-pricing.js';
import { columnNames, type ExportRows, parseColumns } from '../../src/orders/export/export-columns.js';
import { CHARACTERS_OF_PART, csvWriter, type OrderWriter } from '../../src/orders/export/order-writers.js';

const ONE_LINE: Content = { lines: [{ quantity: 2, price: '79.9900' }], charges: [] };

function writerFor(rows: ExportRows, names?: string): OrderWriter {
  const columns = parseColumns(rows, names);
  if (typeof columns === 'string') throw new Error(columns);
  return csvWriter(rows, columns);
}

/** The rows of a whole file, by the names of the columns, without the last row. */
function written(orders: Order[], rows: ExportRows, names?: string): Record<string, string>[] {
  const writer = writerFor(rows, names);
  const file = writer.begin() + [...writer.write(orders)].join('') + writer.end(orders.length);
  const [header = [], ...records] = parseCsv(file.replace('\u{FEFF}', ''));
  expect(records.pop()?.[0]).toBe(`end of export: ${orders.length} orders`);
  return records.map((record) =>
    Object.fromEntries(header.map((name, index) => [name, record[index] ?? ''])),
  );
}

const cellsOf = (kind: string, parts: string[]) =>
  Object.fromEntries(
    ['name', 'company', 'line1', 'line2', 'postal_code', 'city', 'region', 'country'].map((part, index) => [
      `${kind}_${part}`,
      parts[index],
    ]),
  );

const sumOf = (records: Record<string, string>[], name: string): string =>
  records.reduce((sum, record) => sum.plus(record[name] || 0), new Big(0)).toFixed();

const cents = (min: number, max: number) => fc.integer({ min, max }).map((amount) => amount / 100);

const charge: fc.Arbitrary<Charge> = fc
  .tuple(fc.constantFrom(...CHARGE_TYPES), cents(0, 500), fc.boolean())
  .map(([type, amount, included]) => ({ type, amount: type === 'discount' ? -amount : amount, included }));

const content: fc.Arbitrary<Content> = fc.record({
  lines: fc.array(
    fc.record({
      quantity: fc.integer({ min: 1, max: 99 }),
      price: cents(1_000, 100_000).map((price) => price.toFixed(4)),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  charges: fc.array(charge, { maxLength: 5 }),
});

const MONEY =
  'subtotal_amount,shipping_amount,tax_amount,discount_amount,fee_amount,charges_amount,total_amount';

describe('cells of an export', () => {
  it('sum to the amounts of the orders', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 5 }), (contents) => {
        const records = written(
          contents.map((each) => orderOf(each)),
          'orders',
          `order_id,unit_count,${MONEY}`,
        );
        expect(records).toHaveLength(contents.length);
        const lines = contents.flatMap((each) => each.lines);
        const charges = contents.flatMap((each) => each.charges);
        expect(sumOf(records, 'subtotal_amount')).toBe(new Big(totalOf(lines)).toFixed());
        expect(sumOf(records, 'charges_amount')).toBe(chargesTotalOf(charges));
        expect(sumOf(records, 'total_amount')).toBe(grandTotalOf(totalOf(lines), chargesTotalOf(charges)));
        const byType = ['shipping', 'tax', 'discount', 'fee'].map((type) => sumOf(records, `${type}_amount`));
        expect(byType.reduce((sum, part) => sum.plus(part), new Big(0)).toFixed()).toBe(
          chargesTotalOf(charges),
        );
        expect(sumOf(records, 'unit_count')).toBe(
          String(lines.reduce((sum, { quantity }) => sum + quantity, 0)),
        );
        const lineRecords = written(
          contents.map((each) => orderOf(each)),
          'lines',
          'line_total',
        );
        expect(lineRecords).toHaveLength(lines.length);
        expect(sumOf(lineRecords, 'line_total')).toBe(new Big(totalOf(lines)).toFixed());
      }),
    );
  });

  it('have the taxes that are in the prices apart from those that are added', () => {
    const charges: Charge[] = [
      { type: 'tax', amount: 23.74, included: true },
      { type: 'tax', amount: 1.5 },
      { type: 'discount', amount: -16 },
    ];
    const names = 'tax_amount,included_tax_amount,discount_amount,charges_amount';
    expect(written([orderOf({ ...ONE_LINE, charges })], 'orders', names)).toEqual([
      { tax_amount: '1.5', included_tax_amount: '23.74', discount_amount: '-16', charges_amount: '-14.5' },
    ]);
  });

  it('have every field, each with its value', () => {
    const address = { name: 'Zoë', line1: 'Hauptstraße 1', city: 'Berlin', country: 'DE' };
    const order = orderOf(ONE_LINE, {
      customerPhone: '030 1234567',
      shippingAddress: {
        ...address,
        company: 'Zoë, "Söhne"',
        line2: '2. Stock',
        postal_code: '10117',
        region: 'BE',
      },
      billingAddress: { ...address, name: 'Billing' },
      note: 'First line\nsecond "line"',
      tags: ['gift', 'Express'],
      metadata: { campaign: 'autumn', score: -1.5, vip: true },
      source: 'marketplace',
      sourceOrderId: '402-1',
    });
    order.items = order.items.map((item) => ({
      ...item,
      sku: 'WH-1',
      options: { size: 42 },
      metadata: { wrap: true },
    }));
    const [record] = written(
      [order],
      'lines',
      `${columnNames('lines').join(',')},metadata.campaign,metadata.score,metadata.vip,metadata.none`,
    );
    expect(record).toEqual({
      order_id: ID,
      number: '1001',
      timestamp: TIME.toISOString(),
      status: 'confirmed',
      version: '2',
      updated_at: TIME.toISOString(),
      failure: '',
      expires_at: '',
      payment_state: 'none',
      source: 'marketplace',
      source_order_id: '402-1',
      customer_id: '',
      customer_name: '',
      customer_email: '',
      customer_phone: '030 1234567',
      ...cellsOf('shipping', [
        'Zoë',
        'Zoë, "Söhne"',
        'Hauptstraße 1',
        '2. Stock',
        '10117',
        'Berlin',
        'BE',
        'DE',
      ]),
      ...cellsOf('billing', ['Billing', '', 'Hauptstraße 1', '', '', 'Berlin', '', 'DE']),
      note: 'First line\nsecond "line"',
      tags: 'gift, Express',
      metadata: `{"campaign":"autumn","score":'-1.5,"vip":true}`,
      currency: 'USD',
      item_count: '1',
      unit_count: '2',
      subtotal_amount: '159.98',
      shipping_amount: '0',
      tax_amount: '0',
      discount_amount: '0',
      fee_amount: '0',
      charges_amount: '0',
      included_tax_amount: '0',
      total_amount: '159.98',
      order_total: '159.98',
      line: '1',
      product_id: 'P',
      product_name: 'Cable',
      sku: 'WH-1',
      options: '{"size":42}',
      line_metadata: '{"wrap":true}',
      quantity: '2',
      price: '79.99',
      line_total: '159.98',
      'metadata.campaign': 'autumn',
      'metadata.score': '-1.5',
      'metadata.vip': 'true',
      'metadata.none': '',
    });
  });

  it('leave amounts empty until the order is priced', () => {
    const order = orderOf({ lines: [], charges: [] }, { totalAmount: null, status: 'pending' });
    expect(written([order], 'orders', 'subtotal_amount,total_amount,order_id')).toEqual([
      { subtotal_amount: '', total_amount: '', order_id: ID },
    ]);
  });

  it('keep every text through a parser, except for apostrophes before formulas', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'Z', '0', ' ', ',', '"', '\n', 'ß', '日', '🙂'),
      maxLength: 20,
    });
    fc.assert(
      fc.property(text, text, (note, value) => {
        const metadata: FlatObject = { key: value };
        const names = 'order_id,note,metadata.key,metadata';
        const [record] = written([orderOf(ONE_LINE, { note, metadata })], 'orders', names);
        expect(record).toEqual({
          order_id: ID,
          note,
          'metadata.key': value,
          metadata: JSON.stringify(metadata),
        });
      }),
    );
  });

  it('are written in parts, so that other requests are served between the lines of a large order', () => {
    const lines = Array.from({ length: 200 }, () => ({ quantity: 1, price: '1.0000' }));
    const order = orderOf({ lines, charges: [] }, { note: 'n'.repeat(2_000) });
    const parts = [...writerFor('lines', 'line,note').write([order])];
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(CHARACTERS_OF_PART + 5_000);
    expect(parseCsv(parts.join(''))).toHaveLength(200);
  });

  it('can be one alone, whose empty cells are rows too', () => {
    const orders = [orderOf(ONE_LINE), orderOf(ONE_LINE, { note: 'x' })];
    expect(written(orders, 'orders', 'note')).toEqual([{ note: '' }, { note: 'x' }]);
  });

  it('hold no text of a customer that passes for the last row', () => {
    const note = 'end of export: 1 orders';
    expect(written([orderOf(ONE_LINE, { note })], 'orders', 'note')).toEqual([{ note: `'${note}` }]);
    expect(written([orderOf(ONE_LINE, { note })], 'orders', 'number,note')).toEqual([
      { number: '1001', note },
    ]);
  });

  it('escape formulas in their names too', () => {
    const metadata = { '=1+1': '=cmd|x' };
    expect(
      written([orderOf(ONE_LINE, { metadata })], 'orders', 'number,metadata.a =cmd|x,metadata.=1+1'),
    ).toEqual([{ number: '1001', "metadata.a '=cmd|x": '', 'metadata.=1+1': "'=cmd|x" }]);
  });

  it('take keys of metadata that every object has for keys like others', () => {
    const names = 'metadata.__proto__,metadata.constructor,metadata.toString';
    const metadata = JSON.parse('{"toString":"own"}') as FlatObject;
    expect(Object.values(written([orderOf(ONE_LINE, { metadata })], 'orders', names)[0] ?? {})).toEqual([
      '',
      '',
      'own',
    ]);
  });
});
