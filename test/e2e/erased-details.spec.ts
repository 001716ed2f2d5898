import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { isReplay, placeOrder, selectRows, startFleet, type TestFleet } from '../support/builders.js';
import { getOrder } from '../support/client.js';
import { newReference } from '../support/details.js';
import { eraseCustomer, eventsOf, newPerson, orderOf, tablesWith } from '../support/people.js';
import type { TestService } from '../support/service.js';

let fleet: TestFleet;
let service: TestService;

beforeAll(async () => {
  fleet = await startFleet(1);
  [service] = fleet.services as [TestService];
});
afterAll(() => fleet.stop());

/** A text for each field with personal data, which no other row has. */
const SECRET = {
  phone: '+49 30 99887766',
  recipient: 'Recipient Xylander',
  street: '77 Xylophone Street',
  payer: 'Payer Quixote',
  note: 'Note for Zarathustra',
  metadata: 'metadata-Yggdrasil',
  engraving: 'engraving-Wolperdinger',
};

const address = (name: string) => ({ name, line1: SECRET.street, city: 'Berlin', country: 'DE' });

it('erases every personal field of an order from all tables, and keeps the rest', async () => {
  const person = newPerson();
  const reference = newReference();
  const body = orderOf(fleet.sandbox, person, {
    customer_phone: SECRET.phone,
    shipping_address: address(SECRET.recipient),
    billing_address: address(SECRET.payer),
    note: SECRET.note,
    tags: ['kept-tag'],
    metadata: { about: SECRET.metadata },
    charges: [{ type: 'shipping', amount: 4.99 }],
    ...reference,
  });
  const [item] = body.items;
  Object.assign(item ?? {}, {
    sku: 'kept-sku',
    options: { size: 'kept' },
    metadata: { text: SECRET.engraving },
  });
  const id = await placeOrder(service, body, { 'Idempotency-Key': 'erased-details' });
  const texts = [person.name, person.address, ...Object.values(SECRET)];
  for (const text of texts) expect(await tablesWith(fleet.database, text)).not.toEqual([]);
  const before = await getOrder(service, id);

  expect(await eraseCustomer(service, person.customer)).toEqual({ count: 1, more: false });
  for (const text of texts) expect([text, await tablesWith(fleet.database, text)]).toEqual([text, []]);
  expect(await getOrder(service, id)).toEqual({
    ...before,
    customer_name: null,
    customer_email: null,
    customer_phone: null,
    shipping_address: null,
    billing_address: null,
    note: null,
    metadata: {},
    items: before.items.map((kept) => ({ ...kept, metadata: {} })),
    version: before.version + 1,
    updated_at: expect.any(String),
  });
  expect((await eventsOf(service, id)).at(-1)?.type).toBe('personal_data_erased');

  // The reference stays, without a hash that names could be tried against.
  const claims = await selectRows(
    fleet.database,
    `SELECT order_id, request_hash FROM order_claims WHERE kind = 'reference'`,
  );
  expect(claims).toEqual([{ order_id: id, request_hash: null }]);
  const again = await service.request('POST', '/orders', body);
  expect([again.status, isReplay(again), again.body.order_id]).toEqual([201, true, id]);
  expect(await eraseCustomer(service, person.customer)).toEqual({ count: 0, more: false });
});

it('covers orders whose only personal data are in the metadata of a line', async () => {
  const person = newPerson();
  const {
    customer_name: _name,
    customer_email: _email,
    customer_id: _id,
    ...rest
  } = orderOf(fleet.sandbox, person);
  Object.assign(rest.items[0] ?? {}, { metadata: { text: SECRET.engraving } });
  const path = `/orders/${encodeURIComponent(person.customer)}`;
  expect((await service.request('POST', path, rest)).status).toBe(201);
  expect(await eraseCustomer(service, person.customer)).toEqual({ count: 1, more: false });
  expect(await tablesWith(fleet.database, SECRET.engraving)).toEqual([]);
});
