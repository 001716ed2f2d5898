import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  endFaults,
  expectProblem,
  newProduct,
  orderBody,
  line,
  placeOrder,
  selectRows,
  startFleet,
  statusesTold,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listOrders, type OrderStatus } from '../support/client.js';
import { correctionsOf, correctOrder, sendPatch } from '../support/corrections.js';
import { ADDRESS, DETAILS } from '../support/details.js';
import { countOpenTasks } from '../support/invariants.js';
import { tablesWith } from '../support/people.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

let fleet: TestFleet;
let service: TestService;

beforeAll(async () => {
  fleet = await startFleet(1, () => ({ RECOVERY_INTERVAL_MS: '100' }));
  [service] = fleet.services as [TestService];
});
afterEach(() => endFaults(fleet.sandbox));
afterAll(() => fleet.stop());

const place = (more: object = {}): Promise<string> =>
  placeOrder(service, Object.assign(orderBody([line(newProduct(fleet.sandbox))]), more));

const patch = (id: string, body: unknown): Promise<TestResponse> => sendPatch(service, id, body);

const corrected = (id: string, body: unknown, headers?: Record<string, string>): Promise<TestResponse> =>
  correctOrder(service, id, body, headers);

const found = async (query: object): Promise<string[]> =>
  (await listOrders(service, query)).orders.map((order) => order.order_id);

const keys = (from: number, count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${from + n}`, value]));

describe('PATCH /orders/{id}', () => {
  it('replaces fields, raises the version by one and adds an event that names the fields', async () => {
    const id = await place(DETAILS);
    const before = await getOrder(service, id);
    const answer = await corrected(id, {
      note: 'Ring once',
      customer_name: 'Bea  Miller ',
      tags: ['late', 'Cafe\u0301'],
      customer_phone: ' 1 ',
    });
    expect(answer.headers.get('etag')).toBe('"3"');
    expect(answer.body).toEqual({
      ...before,
      note: 'Ring once',
      customer_name: 'Bea  Miller',
      tags: ['late', 'Caf\u00e9'],
      customer_phone: ' 1 ',
      version: 3,
      updated_at: expect.any(String),
    });
    expect(answer.body).toEqual(await getOrder(service, id));
    expect(await correctionsOf(service, id)).toEqual([
      {
        seq: 3,
        type: 'corrected',
        from: null,
        to: null,
        actor: 'anonymous',
        reason: null,
        data: { fields: ['customer_name', 'customer_phone', 'note', 'tags'] },
        timestamp: answer.body.updated_at,
      },
    ]);
  });

  it.each([
    'application/json',
    'application/merge-patch+json',
    'Application/Merge-Patch+JSON; charset=utf-8',
  ])('merges addresses and metadata member by member, and removes with null: %s', async (type) => {
    const id = await place({ ...DETAILS, metadata: { a: 1, b: 'two', c: true } });
    const { body } = await corrected(
      id,
      {
        shipping_address: { line1: 'Nebenstraße 2', company: null, region: null },
        billing_address: null,
        metadata: { a: null, b: 2, d: 'new', e: null },
        note: null,
        tags: null,
        customer_phone: null,
      },
      { 'content-type': type },
    );
    const { company: _company, region: _region, ...rest } = ADDRESS;
    expect(body).toMatchObject({
      shipping_address: { ...rest, line1: 'Nebenstraße 2' },
      billing_address: null,
      metadata: { b: 2, c: true, d: 'new' },
      note: null,
      tags: [],
      customer_phone: null,
    });
    expect(Object.keys(body.shipping_address)).not.toContain('company');
    expect(Object.keys(body.metadata)).toHaveLength(3);
    const again = await corrected(id, { metadata: null });
    expect(again.body.metadata).toEqual({});
  });

  it('adds an address where the order has none, if it is complete', async () => {
    const id = await place();
    expectProblem(await patch(id, { shipping_address: { city: 'Bonn', name: 'A' } }), 400, [
      'shipping_address.line1',
      'shipping_address.country',
    ]);
    const { body } = await corrected(id, { shipping_address: { ...ADDRESS, line2: null } });
    expect(body.shipping_address.line2).toBeUndefined();
    expect(body.shipping_address.city).toBe('Berlin');
  });

  it('applies the limits of metadata to the result', async () => {
    const id = await place({ metadata: keys(0, 50, 'v') });
    expectProblem(await patch(id, { metadata: { more: 1 } }), 400, ['metadata']);
    expectProblem(await patch(id, { metadata: keys(0, 50, 'ü'.repeat(400)) }), 400, ['metadata']);
    const { body } = await corrected(id, { metadata: { ...keys(0, 50, null), ...keys(50, 50, 'w') } });
    expect(body.metadata).toEqual(keys(50, 50, 'w'));
  });

  it('changes nothing and adds no event where everything is so already', async () => {
    const id = await place(DETAILS);
    const before = await getOrder(service, id);
    const same = {
      ...DETAILS,
      customer_name: before.customer_name,
      customer_email: before.customer_email,
      metadata: { ...DETAILS.metadata, unknown: null },
    };
    for (const body of [{}, undefined, same, { shipping_address: {} }]) {
      expect((await corrected(id, body)).body).toEqual(before);
    }
    const plain = await place({ metadata: {}, tags: [] });
    for (const body of [{ billing_address: {} }, { metadata: null, tags: null }, { note: null }])
      expect((await corrected(plain, body)).headers.get('etag')).toBe('"2"');
    expect([...(await correctionsOf(service, id)), ...(await correctionsOf(service, plain))]).toEqual([]);
  });

  it('is in the feed as order.corrected, which can be filtered for, and sends no notification', async () => {
    const id = await place();
    await eventually(() => statusesTold(fleet.sandbox, id).length === 1);
    await corrected(id, { note: 'a' });
    const event = await eventually(async () => {
      const { body } = await service.request('GET', '/events?types=order.corrected&limit=500');
      return (body.events as { order_id: string }[]).find(({ order_id }) => order_id === id);
    });
    expect(event).toMatchObject({ type: 'order.corrected', data: { details: { fields: ['note'] } } });
    await eventually(async () => (await countOpenTasks(fleet.database.url)) === 0);
    expect(statusesTold(fleet.sandbox, id)).toEqual(['confirmed']);
  });

  it('keeps every corrected value out of the events and the keys', async () => {
    const id = await place();
    const texts = [
      'Corrected Xerxes',
      'xerxes@quirk.example',
      '555-0199',
      'Zyzzyva Street',
      'note-Quux',
      'meta-Plugh',
    ];
    const [name, email, phone, street, note, meta] = texts;
    const body = {
      customer_name: name,
      customer_email: email,
      customer_phone: phone,
      shipping_address: { ...ADDRESS, line1: street },
      note,
      metadata: { 'key-Plugh': meta },
    };
    await corrected(id, body, { 'idempotency-key': 'without-values' });
    await corrected(id, { customer_name: 'Other', note: null }, { 'idempotency-key': 'without-values-2' });
    for (const text of [...texts, 'key-Plugh']) {
      const tables = (await tablesWith(fleet.database, text ?? '')).filter(
        (table) => table !== 'public.order_search',
      );
      expect([text, tables.filter((table) => table !== 'public.orders')]).toEqual([text, []]);
    }
  });
});

describe('a correction of the e-mail address', () => {
  it('is found by the search, and the old address no longer', async () => {
    const id = await place({ customer_email: 'Ölaf.Früher@example.com' });
    await eventually(async () => (await listOrders(service, { q: 'olaf.fruher' })).count === 1);
    await corrected(id, { customer_email: 'Ölaf.Später@example.com' });
    expect(await found({ customer_email: 'öLAF.später@EXAMPLE.com' })).toEqual([id]);
    expect(await found({ customer_email: 'Ölaf.Früher@example.com' })).toEqual([]);
    await eventually(async () => (await found({ q: 'olaf.spater' })).length === 1);
    expect(await found({ q: 'olaf.fruher' })).toEqual([]);
  });

  it('holds for notifications that are waiting', async () => {
    fleet.sandbox.services.notification.faults.add({ kind: 'status', status: 503 });
    const id = await place({ customer_email: 'wrong@example.com' });
    await corrected(id, { customer_email: 'right@example.com' });
    fleet.sandbox.services.notification.faults.clear();
    await eventually(() => statusesTold(fleet.sandbox, id).length === 1);
    const messages = fleet.sandbox.notifications.messages.all().filter(({ order_id }) => order_id === id);
    expect(messages.map(({ customer_email }) => customer_email)).toEqual(['right@example.com']);
  });
});

describe('a correction behind a notification without an answer', () => {
  it('notifies the new address under a key of its own', async () => {
    const { faults } = fleet.sandbox.services.notification;
    faults.add({ kind: 'reset', when: 'after' });
    const id = await place({ customer_email: 'old@example.com' });
    const told = () => fleet.sandbox.notifications.messages.all().filter(({ order_id }) => order_id === id);
    await eventually(() => told().length > 0);
    await corrected(id, { customer_email: 'new@example.com' });
    faults.clear();
    await eventually(() => told().some(({ customer_email }) => customer_email === 'new@example.com'));
    const sent = told().filter(({ duplicate }) => !duplicate);
    expect(sent.map(({ key, customer_email }) => [key, customer_email])).toEqual([
      [`${id}/2/notify`, 'old@example.com'],
      [`${id}/2.3/notify`, 'new@example.com'],
    ]);
    await eventually(async () => (await countOpenTasks(fleet.database.url)) === 0);
  });
});

describe('an order that can not be corrected any more', () => {
  const LATE: OrderStatus[] = ['rejected', 'failed', 'shipped', 'delivered', 'cancelled', 'returned'];

  it.each(LATE)('when it is %s: returns 409 for all but tags and metadata', async (status) => {
    const id = await place(DETAILS);
    await selectRows(fleet.database, `UPDATE orders SET status = $2 WHERE id = $1`, [id, status]);
    const refused = await patch(id, {
      tags: ['a'],
      note: 'b',
      customer_email: 'c@example.com',
      metadata: { d: 1 },
    });
    expectProblem(refused, 409);
    expect(refused.body).toMatchObject({
      type: '/problems/correction-not-allowed',
      current_status: status,
      fields: ['customer_email', 'note'],
      personal_data_erased: false,
    });
    expect(await correctionsOf(service, id)).toEqual([]);
    // What is the same already is no correction.
    const { body } = await corrected(id, { tags: ['a'], metadata: { d: 1 }, note: DETAILS.note });
    expect(body).toMatchObject({ status, tags: ['a'], metadata: { ...DETAILS.metadata, d: 1 } });
  });

  it('when its personal data were erased: returns 409 for all but tags', async () => {
    const id = await place(DETAILS);
    await service.request('DELETE', `/orders/${id}/personal-data`);
    for (const body of [{ customer_name: 'Alice' }, { shipping_address: ADDRESS }, { metadata: { a: 1 } }]) {
      const refused = await patch(id, body);
      expectProblem(refused, 409);
      expect(refused.body).toMatchObject({ fields: Object.keys(body), personal_data_erased: true });
    }
    expect((await corrected(id, { tags: ['a'], note: null })).body.tags).toEqual(['a']);
  });

  it('but while it is pending: the placement continues with the new address', async () => {
    const { inventory } = fleet.sandbox.services;
    inventory.faults.add({ kind: 'hang', ms: 8_000 });
    const body = orderBody([line(newProduct(fleet.sandbox))]);
    const accepted = await service.request('POST', '/orders', body, { prefer: 'respond-async' });
    const id = accepted.body.order_id as string;
    expect((await corrected(id, { customer_email: 'pending@example.com' })).body.status).toBe('pending');
    inventory.faults.clear();
    inventory.faults.release();
    await eventually(() => statusesTold(fleet.sandbox, id).length === 1);
    const [message] = fleet.sandbox.notifications.messages.all().filter(({ order_id }) => order_id === id);
    expect(message).toMatchObject({ status: 'confirmed', customer_email: 'pending@example.com' });
    expect(await getOrder(service, id)).toMatchObject({ version: 3, customer_email: 'pending@example.com' });
  });
});

it('returns 404 for an unknown order, and for the id of a customer', async () => {
  for (const id of ['01980000-0000-7000-8000-000000000000', 'customer-1'])
    expectProblem(await patch(id, { note: 'a' }), 404);
});
