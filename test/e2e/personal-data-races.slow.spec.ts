import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  endFaults,
  isReplay,
  line,
  placeOrder,
  placeWithKey,
  startFleet,
  statusesTold,
  type TestFleet,
} from '../support/builders.js';
import { BACKGROUND_TIMEOUT_MS } from '../../src/platform/upstream/upstream-client.js';
import { findIncidents } from '../support/incidents.js';
import { countOpenTasks, findEventGaps } from '../support/invariants.js';
import { eraseCustomer, eventsOf, newPerson, orderOf, tablesWith } from '../support/people.js';
import { eventually, type TestService } from '../support/service.js';

const SETTINGS = {
  UPSTREAM_TIMEOUT_MS: '10000',
  REQUEST_DEADLINE_MS: '30000',
  RECOVERY_WINDOW_MS: '60000',
  RECOVERY_INTERVAL_MS: '100',
  JOB_RETRY_LIMIT: '0',
};

let fleet: TestFleet;
let service: TestService;
/** An instance whose inventory is not idempotent. */
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

describe('order that is being placed while its customer is erased', () => {
  it.each<[kind: string, place: () => TestService]>([
    ['idempotent calls', () => service],
    ['calls that are made once', () => onceOnly],
  ])('is confirmed without a notification: %s', async (_kind, at) => {
    const person = newPerson();
    const body = orderOf(fleet.sandbox, person);
    const { faults } = fleet.sandbox.services.inventory;
    faults.add({ kind: 'hang', method: 'PUT', times: 1, ms: 400 });
    const placing = placeWithKey(at(), person.customer, body);
    await eventually(() => faults.held === 1);
    expect(await eraseCustomer(service, person.customer)).toEqual({ count: 1, more: false });
    faults.release();
    const answer = await placing;
    expect([answer.status, answer.headers.get('etag')]).toEqual([201, '"3"']);
    const id: string = answer.body.order_id;
    expect(await eventsOf(service, id)).toMatchObject([
      { type: 'placed' },
      { type: 'personal_data_erased' },
      { type: 'status_changed', to: 'confirmed', data: { notification: expect.any(String) } },
    ]);
    expect((await service.request('PUT', `/orders/${id}`, { status: 'shipped' })).status).toBe(200);
    const replay = await placeWithKey(at(), person.customer, body);
    expect([isReplay(replay), replay.headers.get('etag')]).toEqual([true, '"3"']);
    expect(replay.body).toEqual(answer.body);
    await eventually(async () => (await countOpenTasks(fleet.database.url)) === 0);
    expect(statusesTold(fleet.sandbox, id)).toEqual([]);
  });

  it('is placed asynchronously when the inventory is back', async () => {
    const person = newPerson();
    fleet.sandbox.services.inventory.faults.add({ kind: 'away' });
    const answer = await service.request('POST', '/orders', orderOf(fleet.sandbox, person), {
      prefer: 'respond-async',
    });
    expect(await eraseCustomer(service, person.customer)).toEqual({ count: 1, more: false });
    clearFaults(fleet.sandbox);
    const id: string = answer.body.order_id;
    await eventually(async () => (await service.request('GET', `/orders/${id}`)).body.status === 'confirmed');
    expect((await eventsOf(service, id)).map(({ type }) => type)).toEqual([
      'placed',
      'personal_data_erased',
      'status_changed',
    ]);
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
  });
});

it('erasure ends a notification whose last attempt is running and fails', async () => {
  const own = await startFleet(1, () => SETTINGS);
  try {
    const [instance] = own.services;
    if (!instance) throw new Error('there is no instance');
    const { faults } = own.sandbox.services.notification;
    faults.add({ kind: 'hang', ms: 20_000 });
    const id = await placeOrder(instance, {
      ...orderOf(fleet.sandbox, newPerson()),
      items: [line('PROD001')],
    });
    await eventually(() => faults.held === 1);
    const answer = await instance.request('DELETE', `/orders/${id}/personal-data`);
    expect(answer.body).toEqual({ count: 1, more: false });
    // The call ends at its own timeout.
    const ended = async () => (await countOpenTasks(own.database.url)) === 0;
    await eventually(ended, BACKGROUND_TIMEOUT_MS + 10_000);
    expect(await findIncidents(instance, id)).toEqual([]);
  } finally {
    clearFaults(own.sandbox);
    await own.stop();
  }
});

it('erasure concurrent with placements, status changes and other erasures leaves no gap and no partial state', async () => {
  const person = newPerson();
  const steps = ['processing', 'shipped', 'delivered'];
  const live = async (): Promise<string> => {
    const id = await placeOrder(service, orderOf(fleet.sandbox, person));
    for (const status of steps) {
      const { status: answered } = await service.request('PUT', `/orders/${id}`, { status });
      expect(answered).toBe(200);
    }
    return id;
  };
  const end = new AbortController();
  const eraseOn = async (): Promise<number> => {
    let count = 0;
    while (!end.signal.aborted) count += (await eraseCustomer(service, person.customer)).count;
    return count;
  };
  const erasing = [eraseOn(), eraseOn()];
  const ids: string[] = [];
  for (let round = 0; round < 5; round += 1)
    ids.push(...(await Promise.all(Array.from({ length: 6 }, live))));
  end.abort();
  const [one = 0, other = 0] = await Promise.all(erasing);
  expect(one + other + (await eraseCustomer(service, person.customer)).count).toBe(30);
  expect(await findEventGaps(fleet.database.url)).toEqual([]);
  for (const text of [person.name, person.address])
    expect(await tablesWith(fleet.database, text)).toEqual([]);
  for (const id of ids) {
    const events = await eventsOf(service, id);
    expect(events.filter(({ type }) => type === 'personal_data_erased')).toHaveLength(1);
    expect(events.map(({ to }) => to).filter(Boolean)).toEqual(['pending', 'confirmed', ...steps]);
  }
});
