import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  endFaults,
  expectProblem,
  line,
  newProduct,
  placeOrder,
  placeWithKey,
  selectRows,
  startFleet,
  statusesTold,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { findIncidents } from '../support/incidents.js';
import { countOpenTasks, findEventGaps, findUnsettled } from '../support/invariants.js';
import { CAPTURED, recordPayment } from '../support/payments.js';
import { eraseCustomer, eventsOf, newPerson, orderOf, type Person, tablesWith } from '../support/people.js';
import { deliveryStates, insertDelivery } from '../support/webhook-rows.js';
import { insertEndpoint } from '../support/webhooks.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

const SETTINGS = {
  UPSTREAM_TIMEOUT_MS: '10000',
  REQUEST_DEADLINE_MS: '30000',
  RECOVERY_WINDOW_MS: '60000',
  RECOVERY_INTERVAL_MS: '100',
  JOB_RETRY_LIMIT: '0',
};

/** Ten thousand orders take a busy machine a while. */
const SLOW_MS = 120_000;

let fleet: TestFleet;
let service: TestService;

beforeAll(async () => {
  fleet = await startFleet(1, () => SETTINGS);
  [service] = fleet.services as [TestService];
});
afterAll(() => fleet.stop());
afterEach(() => endFaults(fleet.sandbox));

/** The part of a customer's orders that must remain after the erasure. */
async function booksOf({ customer }: Person): Promise<unknown> {
  return selectRows(
    fleet.database,
    `SELECT o.id, o.status, o.currency, o.total_amount, o.cart_id, o.failure, o.placed_at,
       o.payments, o.hold_seconds, o.expires_at,
       (SELECT json_agg(i ORDER BY i.id) FROM order_items i WHERE i.order_id = o.id) AS items,
       (SELECT json_agg(e ORDER BY e.seq) FROM order_events e
        WHERE e.order_id = o.id AND e.type <> 'personal_data_erased') AS events
     FROM orders o WHERE o.customer_id = $1 ORDER BY o.id`,
    [customer],
  );
}

/** Distinct states of the tasks; leased ones count as `running`, and deliveries as `done`. */
const taskStates = () =>
  selectRows<{ state: string }>(
    fleet.database,
    `SELECT CASE WHEN lease_until > now() THEN 'running' ELSE state END AS state FROM tasks
     UNION SELECT 'done' FROM deliveries`,
  ).then((rows) => rows.map((row) => row.state));

/** Orders in every state in which the name could be stored. */
async function leaveTraces(person: Person): Promise<{ dead: string; shipped: string }> {
  const { notification, inventory } = fleet.sandbox.services;
  const told = await placeOrder(service, orderOf(fleet.sandbox, person), { 'Idempotency-Key': 'told' });
  await eventually(() => statusesTold(fleet.sandbox, told).length === 1);
  const tooMany = orderOf(fleet.sandbox, person, { items: [line(newProduct(fleet.sandbox), 11)] });
  expectProblem(await placeWithKey(service, 'refused', tooMany), 400);
  inventory.faults.add({ kind: 'status', method: 'PUT', status: 400, times: 1 });
  expectProblem(await placeWithKey(service, 'rejected', orderOf(fleet.sandbox, person)), 400);
  const cancelled = orderOf(fleet.sandbox, person);
  await service.request('PUT', `/orders/${await placeOrder(service, cancelled)}`, { status: 'cancelled' });
  const [given] = cancelled.items;
  await eventually(() => takenFrom(fleet.sandbox, String(given?.product_id)).length === 2);
  await eventually(async () => (await countOpenTasks(fleet.database.url)) === 0);
  // A notification that ran out of attempts, another behind it, and one that is being sent.
  notification.faults.add({ kind: 'status', status: 500, times: 1 });
  const dead = await placeOrder(service, orderOf(fleet.sandbox, person));
  await eventually(async () => (await findIncidents(service, dead)).length === 1);
  await recordPayment(service, dead, CAPTURED);
  await service.request('PUT', `/orders/${dead}`, { status: 'shipped' });
  notification.faults.add({ kind: 'hang', ms: 20_000 });
  const shipped = await placeOrder(service, orderOf(fleet.sandbox, person), { 'Idempotency-Key': 'shipped' });
  await service.request('PUT', `/orders/${shipped}`, { status: 'shipped' });
  await eventually(() => notification.faults.held > 0);
  inventory.faults.add({ kind: 'away' });
  const pending = await service.request('POST', '/orders', orderOf(fleet.sandbox, person), {
    prefer: 'respond-async',
  });
  expect(pending.status).toBe(202);
  return { dead, shipped };
}

describe('erasure of a customer', () => {
  it('removes name and address from the whole database, and keeps the rest of the orders', async () => {
    const person = newPerson();
    const { dead, shipped } = await leaveTraces(person);
    const tables = 'public.order_search,public.orders';
    await eventually(async () => (await tablesWith(fleet.database, person.name)).join() === tables);
    expect((await tablesWith(fleet.database, person.address)).join()).toBe(tables);
    expect(await taskStates()).toEqual(expect.arrayContaining(['done', 'dead', 'running', 'blocked']));
    const books = await booksOf(person);

    expect(await eraseCustomer(service, person.customer)).toEqual({ count: 6, more: false });
    expect(await tablesWith(fleet.database, person.name)).toEqual([]);
    expect(await tablesWith(fleet.database, person.address)).toEqual([]);
    for (const text of [person.name, person.address])
      expect(await tablesWith(fleet.database, text)).toEqual([]);
    expect(await booksOf(person)).toEqual(books);
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
    const { body } = await service.request('GET', `/orders/${shipped}`);
    expect(body).toMatchObject({
      customer_id: person.customer,
      customer_name: null,
      customer_email: null,
      version: 4,
    });
    expect((await eventsOf(service, shipped)).at(-1)).toEqual({
      seq: 4,
      type: 'personal_data_erased',
      from: null,
      to: null,
      actor: 'anonymous',
      reason: null,
      data: { notification: expect.any(String) },
      timestamp: expect.any(String),
    });

    // Waiting notifications end without being sent, and open incidents about them are closed.
    clearFaults(fleet.sandbox);
    await eventually(async () => (await countOpenTasks(fleet.database.url)) === 0, 30_000);
    expect(await findIncidents(service, dead)).toEqual([]);
    expect(statusesTold(fleet.sandbox, dead)).toEqual([]);
    expect(await taskStates()).toEqual(['done']);
    await eventually(async () => (await findUnsettled(fleet.database.url)).length === 0);
    for (const text of [person.name, person.address])
      expect(await tablesWith(fleet.database, text)).toEqual([]);

    // Keys replay as before, and a second erasure finds nothing and adds no event.
    const again = await placeWithKey(service, 'shipped', {
      ...orderOf(fleet.sandbox, person),
      items: [line('1')],
    });
    expectProblem(again, 422);
    const events = await eventsOf(service, shipped);
    expect(await eraseCustomer(service, person.customer)).toEqual({ count: 0, more: false });
    expect(await eventsOf(service, shipped)).toEqual(events);
  });
});

async function customerOf(orderId: string): Promise<unknown[]> {
  const { body } = await service.request('GET', `/orders/${orderId}`);
  return [body.customer_name, body.customer_email];
}

describe('erasure of personal data', () => {
  it('covers what webhooks have answered', async () => {
    const person = newPerson();
    const orderId = await placeOrder(service, orderOf(fleet.sandbox, person));
    const endpointId = await insertEndpoint(fleet.database, { state: 'disabled' });
    await insertDelivery(fleet.database, { orderId, endpointId, seq: 1 }, 'failed', `no such ${person.name}`);
    expect(await tablesWith(fleet.database, person.name)).toContain('public.webhook_deliveries');
    expect(await eraseCustomer(service, person.customer)).toEqual({ count: 1, more: false });
    expect(await tablesWith(fleet.database, person.name)).toEqual([]);
    expect(await deliveryStates(fleet.database, orderId)).toEqual(['failed']);
  });

  it('covers one order, for orders without a customer id', async () => {
    const person = newPerson();
    const body = orderOf(fleet.sandbox, person, { customer_id: undefined });
    const [one, other] = [await placeOrder(service, body), await placeOrder(service, body)];
    const answer = await service.request('DELETE', `/orders/${one}/personal-data`);
    expect([answer.status, answer.body]).toEqual([200, { count: 1, more: false }]);
    expect(await customerOf(one)).toEqual([null, null]);
    expect(await customerOf(other)).toEqual([person.name, person.address]);
    const again = await service.request('DELETE', `/orders/${one}/personal-data`);
    expect([again.status, again.body.count]).toEqual([200, 0]);
    for (const id of ['01a1ffe2-9b80-748a-ba30-787d85a2b441', 'no-order']) {
      expectProblem(await service.request('DELETE', `/orders/${id}/personal-data`), 404);
    }
  });

  it('covers all orders with an address in any case, of all customers', async () => {
    const email = 'Carla.Columna@Example.org';
    const person = newPerson();
    const ids = [
      await placeOrder(
        service,
        orderOf(fleet.sandbox, person, { customer_id: undefined, customer_email: email }),
      ),
      await placeOrder(service, orderOf(fleet.sandbox, newPerson(), { customer_email: email.toLowerCase() })),
    ];
    const other = await placeOrder(service, orderOf(fleet.sandbox, person));
    const ask = (): Promise<TestResponse> =>
      service.request('POST', '/operations/personal-data/erase', { customer_email: email.toUpperCase() });
    expect((await ask()).body).toEqual({ count: 2, more: false });
    expect((await ask()).body).toEqual({ count: 0, more: false });
    for (const id of ids) expect(await customerOf(id)).toEqual([null, null]);
    expect(await customerOf(other)).toEqual([person.name, person.address]);
    expect(await tablesWith(fleet.database, 'columna')).toEqual([]);
  });

  it('covers no order when none matches, and rejects an invalid id or address', async () => {
    expect(await eraseCustomer(service, 'unknown')).toEqual({ count: 0, more: false });
    expectProblem(await service.request('DELETE', '/customers/%00/personal-data'), 400, ['customer_id']);
    const wrong = await service.request('POST', '/operations/personal-data/erase', { customer_email: '%' });
    expectProblem(wrong, 400, ['customer_email']);
    expectProblem(await service.request('POST', '/operations/personal-data/erase', {}), 400, [
      'customer_email',
    ]);
  });

  it('covers existing orders only: the customer may order again', async () => {
    const person = newPerson();
    await placeOrder(service, orderOf(fleet.sandbox, person));
    await eraseCustomer(service, person.customer);
    const later = await placeOrder(service, orderOf(fleet.sandbox, person));
    expect(await customerOf(later)).toEqual([person.name, person.address]);
  });
});

it(
  'erases a customer with very many orders in batches, over as many calls as needed',
  async () => {
    const short = { UPSTREAM_TIMEOUT_MS: '50', REQUEST_DEADLINE_MS: '150', RECOVERY_WINDOW_MS: '1000' };
    const own = await startFleet(1, () => short);
    try {
      const [instance] = own.services;
      if (!instance) throw new Error('there is no instance');
      const orders = 10_000;
      await selectRows(
        own.database,
        `INSERT INTO orders (id, customer_id, customer_name, status, currency, total_amount, version, placed_at,
         updated_at, attempt)
       SELECT gen_random_uuid(), 'many', 'Name', 'confirmed', 'USD', 1, 1, now(), now(), 1
       FROM generate_series(1, $1)`,
        [orders],
      );
      const counts: number[] = [];
      for (let more = true; more;) {
        const answer = await eraseCustomer(instance, 'many');
        counts.push(answer.count);
        ({ more } = answer);
      }
      // A hundred transactions take longer than the deadline of one request.
      expect(counts.length).toBeGreaterThan(1);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(orders);
      const [row] = await selectRows<{ events: number; raised: number; named: number }>(
        own.database,
        `SELECT (SELECT count(*)::int FROM order_events WHERE seq = 2) AS events,
         count(*) FILTER (WHERE version = 2)::int AS raised, count(customer_name)::int AS named FROM orders`,
      );
      expect(row).toEqual({ events: orders, raised: orders, named: 0 });
    } finally {
      await own.stop();
    }
  },
  SLOW_MS,
);
