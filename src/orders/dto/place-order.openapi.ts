import { PlaceCustomerOrderDto, PlaceOrderDto } from './place-order.dto.js';

const CUSTOMER = { customer_name: 'Alice Johnson', customer_email: 'alice@example.com' };
const ITEMS = [{ product_id: 'PROD001', quantity: 2 }];

const ADDRESS = {
  name: 'Alice Johnson',
  company: 'Johnson & Sons',
  line1: '12 Long Street',
  line2: 'Second floor',
  postal_code: '10117',
  city: 'Berlin',
  region: 'Berlin',
  country: 'DE',
};

/** Everything that a request can have besides its customer. */
const COMPLETE = {
  items: [
    {
      product_id: 'PROD001',
      quantity: 2,
      price: 79.99,
      sku: 'WH-1000-BLK',
      options: { colour: 'black' },
      metadata: { gift_wrap: true },
    },
  ],
  currency: 'USD',
  charges: [
    { type: 'shipping', label: 'Standard delivery', amount: 4.99 },
    { type: 'discount', label: 'AUTUMN10', amount: -16 },
    { type: 'tax', label: 'VAT 19 %', amount: 23.74, included: true },
  ],
  expected_total: 148.97,
  customer_phone: '+49 30 1234567',
  shipping_address: ADDRESS,
  billing_address: ADDRESS,
  note: 'Please ring twice.',
  tags: ['gift'],
  metadata: { campaign: 'autumn' },
  number: 'A-1042',
  source: 'marketplace',
  source_order_id: '402-1234567',
  hold_seconds: 900,
};

export const PLACE_ORDER_BODY = {
  type: PlaceOrderDto,
  examples: {
    checked: {
      summary: 'An order that is refused if the customer was shown other prices',
      value: {
        ...CUSTOMER,
        items: [{ product_id: 'PROD001', quantity: 2, price: 79.99 }],
        customer_id: '42',
        currency: 'USD',
        expected_total: 159.98,
      },
    },
    short: { summary: 'No more than is needed', value: { ...CUSTOMER, items: ITEMS } },
    held: {
      summary: 'Stock that is held for a quarter of an hour while the customer pays',
      value: { ...CUSTOMER, items: ITEMS, hold_seconds: 900 },
    },
    complete: { summary: 'Every field', value: { ...CUSTOMER, customer_id: '42', ...COMPLETE } },
  },
};

export const PLACE_CUSTOMER_ORDER_BODY = {
  type: PlaceCustomerOrderDto,
  required: false,
  examples: {
    items: { summary: 'An order that names its items', value: { items: [{ product_id: 3, quantity: 1 }] } },
    cart: { summary: "The customer's cart, and the recipient of the notifications", value: CUSTOMER },
    complete: { summary: 'Every field', value: { ...CUSTOMER, ...COMPLETE } },
  },
};
