import { type Charge } from '../../src/orders/details/order-details.js';
import type { Order } from '../../src/orders/order.entity.js';
import { chargesTotalOf, grandTotalOf, totalOf } from '../../src/orders/pricing/order-pricing.js';

export const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
export const TIME = new Date('2026-11-21T20:53:23.456Z');

const NO_LINE = { orderId: ID, reservation: 'held' as const, sku: null, options: null, metadata: null };

export interface Content {
  lines: { quantity: number; price: string }[];
  charges: Charge[];
}

/** A priced order. */
export function orderOf({ lines, charges }: Content, more: Partial<Order> = {}): Order {
  const chargesAmount = charges.length === 0 ? null : chargesTotalOf(charges);
  return {
    id: ID,
    customerId: null,
    customerName: null,
    customerEmail: null,
    status: 'confirmed',
    currency: 'USD',
    totalAmount: grandTotalOf(totalOf(lines), chargesAmount ?? '0'),
    version: 2,
    cartId: null,
    failure: null,
    placedAt: TIME,
    updatedAt: TIME,
    toPrice: null,
    number: '1001',
    customerPhone: null,
    shippingAddress: null,
    billingAddress: null,
    note: null,
    tags: null,
    metadata: null,
    charges: charges.length === 0 ? null : charges,
    chargesAmount,
    source: null,
    sourceOrderId: null,
    holdSeconds: null,
    expiresAt: null,
    stockUntil: null,
    stockGeneration: 1,
    isReservingAgain: false,
    payments: null,
    items: lines.map((line, index) => ({
      ...NO_LINE,
      ...line,
      id: index + 1,
      productId: 'P',
      productName: 'Cable',
    })),
    ...more,
  };
}

/** Reads CSV in which every text is quoted (RFC 4180). @returns the cells of each row */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    if (end === '' && quoted === undefined && plain === '') break;
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '\r\n') rows.push([]);
  }
  return rows.filter((row) => row.length > 0);
}
