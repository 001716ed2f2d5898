import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  endFaults,
  expectProblem,
  isReplay,
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
import { countOpenJobs, findEventGaps, findUnsettled } from '../support/invariants.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

const SETTINGS = {
  UPSTREAM_TIMEOUT_MS: '10000',
  REQUEST_DEADLINE_MS: '30000',
  RECOVERY_WINDOW_MS: '60000',
  RECOVERY_INTERVAL_MS: '100',
  JOB_RETRY_LIMIT: '0',
};

/** Somebody whose name and address are like nobody else's. */
interface Person {
  customer: string;
  name: string;
  address: string;
}

let fleet: TestFleet;
let service: TestService;
/** An instance for an inventory that is never asked twice. */
let onceOnly: TestService;

beforeAll(async () => {
  const own: Record<string, string>[] = [{}, { INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' }];
  fleet = await startFleet(own.length, () => ({ ...SETTINGS, ...own.shift() }));
  const [first, second] = fleet.services;
  if (!first || !second) throw new Error('there are no two instances');
  service = first;
  onceOnly = second;
});
afterAll(() => fleet.stop());
afterEach(() => endFaults(fleet.sandbox));

let peopleMade = 0;

function newPerson(): Person {
  peopleMade += 1;
  const word = `quagmire-${peopleMade}-`;
  return {
    customer: `customer ${peopleMade}`,
    name: `Zebulon ${word}`,
    address: `zebulon.${word}@example.org`,
  };
}

/** The body of an order of somebody who is to be forgotten. */
function bodyOf({ customer, name, address }: Person, more: Record<string, unknown> = {}) {
  const items = [line(newProduct(fleet.sandbox))];
  return { items, customer_name: name, customer_email: address, customer_id: customer, ...more };
}

async function erase({ customer }: Pick<Person, 'customer'>): Promise<{ count: number; more: boolean }> {
  const answer = await service.request('DELETE', `/customers/${encodeURIComponent(customer)}/personal-data`);
  expect(answer.status).toBe(200);
  return answer.body;
}

async function eventsOf(orderId: string): Promise<{ type: string; to: string; data: unknown }[]> {
  return (await service.request('GET', `/orders/${orderId}/events`)).body.events;
}

/** The tables of the whole database, those of the job queue included, in which a text is found in any column. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await selectRows<{ name: string }>(
    fleet.database,
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
  );
  expect(tables.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['public.orders', 'public.idempotency_keys', 'pgboss.job_common']),
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await selectRows(fleet.database, `SELECT 1 FROM ${name} t WHERE t::text ILIKE $1 LIMIT 1`, [
      `%${text}%`,
    ]);
    if (rows.length > 0) found.push(name);
  }
  return found.toSorted();
}

/** Everything about a customer's orders that is to outlive the customer's name. */
async function booksOf({ customer }: Person): Promise<unknown> {
  return selectRows(
    fleet.database,
    `SELECT o.id, o.status, o.currency, o.total_amount, o.cart_id, o.failure, o.placed_at,
       (SELECT json_agg(i ORDER BY i.id) FROM order_items i WHERE i.order_id = o.id) AS items,
       (SELECT json_agg(e ORDER BY e.seq) FROM order_events e
        WHERE e.order_id = o.id AND e.type <> 'personal_data_erased') AS events
     FROM orders o WHERE o.customer_id = $1 ORDER BY o.id`,
    [customer],
  );
}

const jobStates = () =>
  selectRows<{ state: string }>(fleet.database, 'SELECT DISTINCT state::text AS state FROM pgboss.job').then(
    (rows) => rows.map((row) => row.state),
  );

/** Orders in all conditions in which the name could be anywhere. */
async function leaveTraces(person: Person): Promise<{ dead: string; shipped: string }> {
  const { notification, inventory } = fleet.sandbox.services;
  const told = await placeOrder(service, bodyOf(person), { 'idempotency-key': 'told' });
  await eventually(() => statusesTold(fleet.sandbox, told).length === 1);
  const tooMany = bodyOf(person, { items: [line(newProduct(fleet.sandbox), 11)] });
  expectProblem(await placeWithKey(service, 'refused', tooMany), 400);
  inventory.faults.add({ kind: 'status', method: 'PUT', status: 400, times: 1 });
  expectProblem(await placeWithKey(service, 'rejected', bodyOf(person)), 400);
  const cancelled = bodyOf(person);
  await service.request('PUT', `/orders/${await placeOrder(service, cancelled)}`, { status: 'cancelled' });
  const [given] = cancelled.items;
  await eventually(() => takenFrom(fleet.sandbox, String(given?.product_id)).length === 2);
  // A message that ran out of attempts, with another behind it, and one that is on its way at this moment.
  notification.faults.add({ kind: 'status', status: 500, times: 1 });
  const dead = await placeOrder(service, bodyOf(person));
  await eventually(async () => (await findIncidents(service, dead)).length === 1);
  await service.request('PUT', `/orders/${dead}`, { status: 'shipped' });
  notification.faults.add({ kind: 'hang', ms: 20_000 });
  const shipped = await placeOrder(service, bodyOf(person), { 'idempotency-key': 'shipped' });
  await service.request('PUT', `/orders/${shipped}`, { status: 'shipped' });
  await eventually(() => notification.faults.held > 0);
  inventory.faults.add({ kind: 'away' });
  const pending = await service.request('POST', '/orders', bodyOf(person), { prefer: 'respond-async' });
  expect(pending.status).toBe(202);
  return { dead, shipped };
}

describe('after the erasure of a customer', () => {
  it('name and address are nowhere in the database, and the books are as they were', async () => {
    const person = newPerson();
    const { dead, shipped } = await leaveTraces(person);
    expect(await tablesWith(person.name)).toEqual(['public.orders']);
    expect(await tablesWith(person.address)).toEqual(['public.orders']);
    expect(await jobStates()).toEqual(expect.arrayContaining(['completed', 'failed', 'active', 'created']));
    const books = await booksOf(person);

    expect(await erase(person)).toEqual({ count: 6, more: false });
    expect(await tablesWith(person.name)).toEqual([]);
    expect(await tablesWith(person.address)).toEqual([]);
    for (const text of [person.name, person.address]) expect(await tablesWith(text)).toEqual([]);
    expect(await booksOf(person)).toEqual(books);
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
    const { body } = await service.request('GET', `/orders/${shipped}`);
    expect(body).toMatchObject({
      customer_id: person.customer,
      customer_name: null,
      customer_email: null,
      version: 4,
    });
    expect((await eventsOf(shipped)).at(-1)).toEqual({
      seq: 4,
      type: 'personal_data_erased',
      from: null,
      to: null,
      actor: 'anonymous',
      reason: null,
      data: { notification: expect.any(String) },
      timestamp: expect.any(String),
    });

    // What was still to be sent ends without a message, and what waited for a person waits no more.
    clearFaults(fleet.sandbox);
    await eventually(async () => (await countOpenJobs(fleet.database.url)) === 0, 30_000);
    expect(await findIncidents(service, dead)).toEqual([]);
    expect(statusesTold(fleet.sandbox, dead)).toEqual([]);
    expect(await jobStates()).toEqual(['completed']);
    await eventually(async () => (await findUnsettled(fleet.database.url)).length === 0);
    for (const text of [person.name, person.address]) expect(await tablesWith(text)).toEqual([]);

    // Keys answer as before, and erasing once more finds nothing and leaves no second event.
    const again = await placeWithKey(service, 'shipped', { ...bodyOf(person), items: [line('1')] });
    expectProblem(again, 422);
    const events = await eventsOf(shipped);
    expect(await erase(person)).toEqual({ count: 0, more: false });
    expect(await eventsOf(shipped)).toEqual(events);
  });
});

describe('an order that is being placed while its customer is erased', () => {
  it.each<[kind: string, place: () => TestService]>([
    ['repeatable calls', () => service],
    ['calls that are made once', () => onceOnly],
  ])('is confirmed all the same, and nobody is told: %s', async (_kind, at) => {
    const person = newPerson();
    const body = bodyOf(person);
    const { faults } = fleet.sandbox.services.inventory;
    faults.add({ kind: 'hang', method: 'PUT', times: 1, ms: 400 });
    const placing = placeWithKey(at(), person.customer, body);
    await eventually(() => faults.held === 1);
    expect(await erase(person)).toEqual({ count: 1, more: false });
    faults.release();
    const answer = await placing;
    expect([answer.status, answer.headers.get('etag')]).toEqual([201, '"3"']);
    const id: string = answer.body.order_id;
    expect(await eventsOf(id)).toMatchObject([
      { type: 'placed' },
      { type: 'personal_data_erased' },
      { type: 'status_changed', to: 'confirmed', data: { notification: expect.any(String) } },
    ]);
    expect((await service.request('PUT', `/orders/${id}`, { status: 'shipped' })).status).toBe(200);
    const replay = await placeWithKey(at(), person.customer, body);
    expect([isReplay(replay), replay.headers.get('etag')]).toEqual([true, '"3"']);
    expect(replay.body).toEqual(answer.body);
    await eventually(async () => (await countOpenJobs(fleet.database.url)) === 0);
    expect(statusesTold(fleet.sandbox, id)).toEqual([]);
  });

  it('is placed when the inventory is back, where nobody waits for it', async () => {
    const person = newPerson();
    fleet.sandbox.services.inventory.faults.add({ kind: 'away' });
    const answer = await service.request('POST', '/orders', bodyOf(person), { prefer: 'respond-async' });
    expect(await erase(person)).toEqual({ count: 1, more: false });
    clearFaults(fleet.sandbox);
    const id: string = answer.body.order_id;
    await eventually(async () => (await service.request('GET', `/orders/${id}`)).body.status === 'confirmed');
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
      'placed',
      'personal_data_erased',
      'status_changed',
    ]);
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
  });
});

it('a message whose last attempt is under way, and in vain, ends as well', async () => {
  const own = await startFleet(1, () => ({
    ...SETTINGS,
    UPSTREAM_TIMEOUT_MS: '2000',
    REQUEST_DEADLINE_MS: '6000',
  }));
  try {
    const [instance] = own.services;
    if (!instance) throw new Error('there is no instance');
    const { faults } = own.sandbox.services.notification;
    faults.add({ kind: 'hang', ms: 20_000 });
    const id = await placeOrder(instance, { ...bodyOf(newPerson()), items: [line('PROD001')] });
    await eventually(() => faults.held === 1);
    const answer = await instance.request('DELETE', `/orders/${id}/personal-data`);
    expect(answer.body).toEqual({ count: 1, more: false });
    await eventually(async () => (await countOpenJobs(own.database.url)) === 0);
    expect(await findIncidents(instance, id)).toEqual([]);
  } finally {
    clearFaults(own.sandbox);
    await own.stop();
  }
});

it('erasing while orders are placed, changed and erased by others leaves no gap and no half of anything', async () => {
  const person = newPerson();
  const steps = ['processing', 'shipped', 'delivered'];
  const live = async (): Promise<string> => {
    const id = await placeOrder(service, bodyOf(person));
    for (const status of steps) {
      const { status: answered } = await service.request('PUT', `/orders/${id}`, { status });
      expect(answered).toBe(200);
    }
    return id;
  };
  const end = new AbortController();
  const eraseOn = async (): Promise<number> => {
    let count = 0;
    while (!end.signal.aborted) count += (await erase(person)).count;
    return count;
  };
  const erasing = [eraseOn(), eraseOn()];
  const ids: string[] = [];
  for (let round = 0; round < 5; round += 1)
    ids.push(...(await Promise.all(Array.from({ length: 6 }, live))));
  end.abort();
  const [one = 0, other = 0] = await Promise.all(erasing);
  expect(one + other + (await erase(person)).count).toBe(30);
  expect(await findEventGaps(fleet.database.url)).toEqual([]);
  for (const text of [person.name, person.address]) expect(await tablesWith(text)).toEqual([]);
  for (const id of ids) {
    const events = await eventsOf(id);
    expect(events.filter(({ type }) => type === 'personal_data_erased')).toHaveLength(1);
    expect(events.map(({ to }) => to).filter(Boolean)).toEqual(['pending', 'confirmed', ...steps]);
  }
});

async function customerOf(orderId: string): Promise<unknown[]> {
  const { body } = await service.request('GET', `/orders/${orderId}`);
  return [body.customer_name, body.customer_email];
}

describe('personal data is erased', () => {
  it('of one order, for those without a customer id', async () => {
    const person = newPerson();
    const body = bodyOf(person, { customer_id: undefined });
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

  it('of all orders with an address, in any case, whoever they are of', async () => {
    const email = 'Carla.Columna@Example.org';
    const person = newPerson();
    const ids = [
      await placeOrder(service, bodyOf(person, { customer_id: undefined, customer_email: email })),
      await placeOrder(service, bodyOf(newPerson(), { customer_email: email.toLowerCase() })),
    ];
    const other = await placeOrder(service, bodyOf(person));
    const ask = (): Promise<TestResponse> =>
      service.request('POST', '/operations/personal-data/erase', { customer_email: email.toUpperCase() });
    expect((await ask()).body).toEqual({ count: 2, more: false });
    expect((await ask()).body).toEqual({ count: 0, more: false });
    for (const id of ids) expect(await customerOf(id)).toEqual([null, null]);
    expect(await customerOf(other)).toEqual([person.name, person.address]);
    expect(await tablesWith('columna')).toEqual([]);
  });

  it('of nobody where there is nobody, and not by what is no id or address', async () => {
    expect(await erase({ customer: 'nobody' })).toEqual({ count: 0, more: false });
    expectProblem(await service.request('DELETE', '/customers/%00/personal-data'), 400, ['customer_id']);
    const wrong = await service.request('POST', '/operations/personal-data/erase', { customer_email: '%' });
    expectProblem(wrong, 400, ['customer_email']);
    expectProblem(await service.request('POST', '/operations/personal-data/erase', {}), 400, [
      'customer_email',
    ]);
  });

  it('of those orders only that were there: a customer may come again', async () => {
    const person = newPerson();
    await placeOrder(service, bodyOf(person));
    await erase(person);
    const later = await placeOrder(service, bodyOf(person));
    expect(await customerOf(later)).toEqual([person.name, person.address]);
  });
});
