import type { PlaceOrderBody } from './client.js';

/** An address with every line. */
export const ADDRESS = {
  name: 'Zoë Müller 日本',
  company: 'Müller & Söhne',
  line1: 'Hauptstraße 1',
  line2: '2. Stock',
  postal_code: '10117',
  city: 'Berlin',
  region: 'BE',
  country: 'DE',
};

export const METADATA = { campaign: 'autumn', score: 1.5, vip: true };

/** Every optional field of an order that does not change its total and is not unique. */
export const DETAILS = {
  customer_phone: ' +49 (30) 1234567 ext. 8 ',
  shipping_address: ADDRESS,
  billing_address: { name: 'B', line1: 'L', city: 'C', country: 'AT' },
  note: 'First line\nsecond line\tand a tab',
  tags: ['gift', 'Express Ü'],
  metadata: METADATA,
} satisfies Partial<PlaceOrderBody>;

export const LINE_DETAILS = {
  sku: 'WH-1000-BLK',
  options: { colour: 'black', size: 42 },
  metadata: { gift_wrap: true },
};

/** What an answer has where the client sent no details. */
export const NO_DETAILS = {
  customer_phone: null,
  shipping_address: null,
  billing_address: null,
  note: null,
  tags: [],
  metadata: {},
  charges: [],
  source: null,
  source_order_id: null,
  expires_at: null,
  payments: [],
  payment_state: 'none',
};

export const NO_LINE_DETAILS = { sku: null, options: {}, metadata: {} };

let referencesMade = 0;

/** A reference that no other test uses. */
export function newReference(): { source: string; source_order_id: string } {
  referencesMade += 1;
  return { source: 'marketplace', source_order_id: `402-${process.pid}-${referencesMade}` };
}
