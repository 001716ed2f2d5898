import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ReservationsAdapter } from '../../src/inventory/reservations.adapter.js';
import { Deadline } from '../../src/platform/deadline.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { eventually } from '../support/service.js';
import { cleanUp, clientFor, json, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 300;

/** How long the inventory with a limit holds a reservation. */
const LIFETIME_MS = 1_000;

const STOCK = [{ id: 'A', name: 'Anvil', price: 1, quantity: 10 }];
const LINES = [{ line: 1, productId: 'A', quantity: 2 }];

let sandbox: Sandbox;
let limited: Sandbox;

beforeAll(async () => {
  const options = { ports: { inventory: 0 }, services: ['inventory'], stock: STOCK } as const;
  sandbox = await startSandbox(options);
  limited = await startSandbox({ ...options, maxReservationMs: LIFETIME_MS });
});
beforeEach(() => {
  sandbox.reset();
  limited.reset();
});
afterEach(() => cleanUp());
afterAll(async () => {
  await sandbox.close();
  await limited.close();
});

const open = (url = sandbox.urls.inventory) => new ReservationsAdapter(clientFor(url, TIMEOUT_MS));
const soon = () => Deadline.in(2_000);
const inMs = (ms: number) => new Date(Date.now() + ms);
const left = (of = sandbox) => of.stock.find('A')?.quantity;

/** An inventory that answers every call alike. */
const answering = async (status: number, body: unknown) =>
  open((await startUpstream((_request, response) => json(response, status, body))).origin);

const GONE = { outcome: 'gone', reason: expect.any(String) };
const UNKNOWN = { outcome: 'unknown', reason: expect.any(String) };

describe('the end of a reservation', () => {
  it('is the time that was sent, and then the units come back and the id stays dead', async () => {
    const until = inMs(400);
    expect(await open().reserve('one', LINES, soon(), until)).toEqual([{ line: 1, outcome: 'held', until }]);
    expect(left()).toBe(8);
    await eventually(() => left() === 10);
    expect(await open().keep('one', inMs(60_000), soon())).toEqual(GONE);
    expect(await open().reserve('two', LINES, soon())).toEqual([{ line: 1, outcome: 'held' }]);
    expect(
      sandbox.stock.hold('one', [{ product_id: 'A', quantity: 1 }], { route: 'test', key: null }),
    ).toEqual({
      outcome: 'cancelled',
    });
  });

  it('is not sent without a hold, and the units are held until they are released', async () => {
    const bodies: string[] = [];
    const { origin } = await startUpstream((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => json(response, 201, { expires_at: null }));
    });
    expect(await open(origin).reserve('one', LINES, soon())).toEqual([{ line: 1, outcome: 'held' }]);
    expect(await open(origin).reserve('one', LINES, soon(), new Date('2030-01-01T00:00:00Z'))).toEqual([
      { line: 1, outcome: 'held' },
    ]);
    expect(bodies.map((body) => JSON.parse(body))).toEqual([
      { reservation_id: 'one', items: [{ product_id: 'A', quantity: 2 }] },
      {
        reservation_id: 'one',
        items: [{ product_id: 'A', quantity: 2 }],
        expires_at: '2030-01-01T00:00:00.000Z',
      },
    ]);
  });

  it('is the earlier one of an inventory with a maximum lifetime', async () => {
    const before = Date.now();
    const [outcome] = await open(limited.urls.inventory).reserve('one', LINES, soon(), inMs(60_000));
    const until = outcome?.outcome === 'held' ? Number(outcome.until) : 0;
    expect(until).toBeGreaterThanOrEqual(before + LIFETIME_MS);
    expect(until).toBeLessThanOrEqual(Date.now() + LIFETIME_MS);
    await eventually(() => left(limited) === 10);
  });

  it('is returned again by a repeated call', async () => {
    const until = inMs(60_000);
    const inventory = open();
    const first = await inventory.reserve('one', LINES, soon(), until);
    expect(await open().reserve('one', LINES, soon(), until)).toEqual(first);
    sandbox.services.inventory.answers.clear();
    expect(await open().reserve('one', LINES, soon(), until)).toEqual(first);
    expect(left()).toBe(8);
  });

  it('may have any zone', async () => {
    const inventory = await answering(201, { expires_at: '2999-01-01T02:00:00+02:00' });
    expect(await inventory.reserve('one', LINES, soon())).toEqual([
      { line: 1, outcome: 'held', until: new Date('2999-01-01T00:00:00Z') },
    ]);
  });

  it.each<[string, unknown]>([
    ['text', 'tomorrow'],
    ['a number', 4_102_444_800],
    ['a date without a time', '2999-01-01'],
    ['a time without a zone', '2999-01-01T00:00:00'],
    ['no day of the calendar', '2999-13-45T00:00:00Z'],
    ['in the past', '2001-01-01T00:00:00Z'],
    ['an object', {}],
  ])('leaves the outcome unknown where it is %s', async (_what, expires_at) => {
    const reserving = await answering(201, { expires_at });
    expect(await reserving.reserve('one', LINES, soon(), inMs(60_000))).toEqual([{ line: 1, ...UNKNOWN }]);
    const keeping = await answering(200, { expires_at });
    expect(await keeping.keep('one', null, soon())).toEqual(UNKNOWN);
  });
});

describe('keeping a reservation', () => {
  it('moves its end to a later time, and not to an earlier one', async () => {
    const [soonest, later] = [inMs(500), inMs(60_000)];
    await open().reserve('one', LINES, soon(), soonest);
    expect(await open().keep('one', later, soon())).toEqual({ outcome: 'kept', until: later });
    expect(await open().keep('one', inMs(30_000), soon())).toEqual({ outcome: 'kept', until: later });
    await sleep(700);
    expect(left()).toBe(8);
  });

  it('holds the units until they are released, also after a late call with a time', async () => {
    await open().reserve('one', LINES, soon(), inMs(400));
    expect(await open().keep('one', null, soon())).toEqual({ outcome: 'kept', until: null });
    expect(await open().keep('one', inMs(300), soon())).toEqual({ outcome: 'kept', until: null });
    await sleep(600);
    expect(left()).toBe(8);
    await open().release('one', [{ line: 1, productId: 'A', quantity: 2, certainlyHeld: true }], soon());
    expect(left()).toBe(10);
  });

  it('is limited by an inventory with a maximum lifetime, and can be repeated', async () => {
    const inventory = open(limited.urls.inventory);
    await inventory.reserve('one', LINES, soon());
    for (let round = 0; round < 3; round += 1) {
      await sleep(LIFETIME_MS / 2);
      const kept = await inventory.keep('one', null, soon());
      expect(kept).toMatchObject({ outcome: 'kept', until: expect.any(Date) });
    }
    expect(left(limited)).toBe(8);
    await eventually(() => left(limited) === 10);
  });

  it('finds reservations gone that were released, or never made', async () => {
    await open().reserve('one', LINES, soon(), inMs(60_000));
    await open().release('one', [{ line: 1, productId: 'A', quantity: 2, certainlyHeld: true }], soon());
    expect(await open().keep('one', null, soon())).toEqual(GONE);
    expect(await open().keep('never', null, soon())).toEqual(GONE);
    expect(left()).toBe(10);
  });

  it.each([404, 409, 410])('finds a reservation gone after %i', async (status) => {
    const inventory = await answering(status, { detail: 'It has ended' });
    expect(await inventory.keep('one', null, soon())).toEqual({
      outcome: 'gone',
      reason: 'test service: It has ended',
    });
  });

  it.each<[number, unknown]>([
    [200, {}],
    [200, { expires_at: 'never' }],
    [202, { expires_at: null }],
    [204, ''],
    [400, { detail: 'Bad Request' }],
    [401, { detail: 'Unauthorized' }],
    [405, { detail: 'Method Not Allowed' }],
    [422, { detail: 'Unprocessable' }],
    [429, { detail: 'Too Many Requests' }],
    [500, { detail: 'Internal Server Error' }],
    [503, { detail: 'Service Unavailable' }],
  ])('is unknown after %i with %j', async (status, body) => {
    expect(await (await answering(status, body)).keep('one', null, Deadline.in(500))).toEqual(UNKNOWN);
  });

  it.each([404, 410])('is unknown after %i without JSON, as of a proxy', async (status) => {
    for (const body of ['', '<h1>Not Found</h1>']) {
      const { origin } = await startUpstream((_request, response) => response.writeHead(status).end(body));
      expect(await open(origin).keep('one', null, Deadline.in(500))).toEqual(UNKNOWN);
    }
  });

  it('learns the outcome after a lost answer, and is unknown without any', async () => {
    await open().reserve('one', LINES, soon(), inMs(60_000));
    const { faults } = sandbox.services.inventory;
    const patch = { method: 'PATCH', path: '/reservations/*' };
    faults.add({ ...patch, kind: 'reset', when: 'after', times: 1 });
    expect(await open().keep('one', null, soon())).toEqual({ outcome: 'kept', until: null });
    faults.add({ ...patch, kind: 'hang', when: 'before' });
    expect(await open().keep('one', null, Deadline.in(500))).toEqual(UNKNOWN);
  });

  it('sends a key of its own with each call, and the same with each attempt', async () => {
    await open().reserve('one', LINES, soon(), inMs(60_000));
    const { faults, calls } = sandbox.services.inventory;
    faults.add({ method: 'PATCH', path: '/reservations/*', kind: 'reset', when: 'after', times: 1 });
    await open().keep('one', null, soon());
    await open().keep('one', null, soon());
    const keys = calls.all().flatMap(({ method, key }) => (method === 'PATCH' ? [key] : []));
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(/^one\/keep\/./);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });
});

it('the ends of reservations survive a restart of the inventory', async () => {
  const until = Date.now() + 500;
  const { stock } = sandbox;
  stock.hold('one', [{ product_id: 'A', quantity: 2 }], { route: 'test', key: null }, until);
  stock.hold('two', [{ product_id: 'A', quantity: 3 }], { route: 'test', key: null });
  const snapshot: unknown = JSON.parse(JSON.stringify(stock.snapshot()));
  stock.restore(snapshot);
  expect(stock.endOf('one')).toBe(until);
  await eventually(() => left() === 7);
  expect(stock.endOf('two')).toBeNull();
});
