import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { MAX_REMEMBERED } from '../../src/events/feed-tail.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { API_KEYS, CUSTOMER, knownCallers } from '../support/callers.js';
import { setStatus } from '../support/client.js';
import { type Follower, follow as followOn } from '../support/event-stream.js';
import { TestIssuer } from '../support/issuer.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** More events than an instance has in memory. */
const MANY = 2 * MAX_REMEMBERED + 1;

/** Longer than two looks for new events. */
const TWO_LOOKS_MS = 1_200;

let service: TestService;
let other: TestService;
let product = '';
const followers: Follower[] = [];

beforeAll(async () => {
  // A client that pauses is kept for as long as a test takes.
  service = await startTestService({ readers: { graceMs: 120_000 } });
  other = await startTestService({ beside: service });
  product = newProduct(service.sandbox, 100_000);
});
afterAll(async () => {
  await other.stop();
  await service.stop();
});
afterEach(() => {
  for (const follower of followers.splice(0)) follower.leave();
});

async function follow(...of: Parameters<typeof followOn>): Promise<Follower> {
  const follower = await followOn(...of);
  followers.push(follower);
  return follower;
}

const place = (more = {}, as = {}) => placeOrder(service, orderBody([line(product)], more), as);

const namesOf = (changes: { order_id: string; version: number }[]): string[] =>
  changes.map(({ order_id, version }) => `${order_id}/${version}`);

/** The events of some orders that a follower received. */
const toldOf = (follower: Follower, ids: readonly string[]): string[] =>
  namesOf(follower.changes()).filter((name) => ids.includes(name.split('/')[0] ?? ''));

/** Another database client, with a transaction that has written something. */
async function beginTransaction(): Promise<Client> {
  const client = new Client({ connectionString: service.database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT pg_current_xact_id()');
  return client;
}

const addEvent = (client: Client, orderId: string, seq: number) =>
  client.query(
    `INSERT INTO order_events (order_id, seq, type, actor, occurred_at) VALUES ($1, $2, 'incident_settled', 'test', now())`,
    [orderId, seq],
  );

/** Waits until every event has its number. @returns the last one */
async function lastNumber(): Promise<number> {
  return eventually(async () => {
    const [row] = await selectRows<{ last: number; waiting: boolean }>(
      service.database,
      `SELECT last_no::int AS last, EXISTS (SELECT 1 FROM order_events WHERE feed_no = 0) AS waiting FROM event_feed`,
    );
    return row?.waiting === false ? row.last : undefined;
  });
}

const isReset = (follower: Follower): boolean => follower.blocks.some(({ event }) => event === 'reset');
const numbersOf = (follower: Follower): number[] =>
  follower.blocks.flatMap(({ event, id }) => (event === 'change' ? [Number(id)] : []));
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('follower of GET /orders/stream', () => {
  it('receives every event from now on, in order', async () => {
    const before = await place();
    const last = await lastNumber();
    const follower = await follow(service);
    expect(follower.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
    });
    expect(follower.blocks[0]).toEqual({ event: undefined, id: String(last), data: undefined });
    const id = await place();
    await setStatus(service, id, 'shipped');
    await eventually(() => toldOf(follower, [id]).length === 3);
    const changes = follower.blocks.filter(({ data }) => data?.order_id === id);
    expect(changes.map(({ event }) => event)).toEqual(['change', 'change', 'change']);
    expect(changes.map(({ id: no }) => Number(no))).toEqual(range(last + 1, last + 3));
    expect(changes.map(({ data }) => [data?.version, data?.type, data?.from, data?.to, data?.actor])).toEqual(
      [
        [1, 'placed', null, 'pending', 'anonymous'],
        [2, 'status_changed', 'pending', 'confirmed', 'placement'],
        [3, 'status_changed', 'confirmed', 'shipped', 'anonymous'],
      ],
    );
    expect(toldOf(follower, [before])).toEqual([]);
  });

  it('receives events of every instance from any instance', async () => {
    const [here, there] = [await follow(service), await follow(other)];
    const id = await place();
    await eventually(() => toldOf(here, [id]).length === 2 && toldOf(there, [id]).length === 2);
    expect(toldOf(there, [id])).toEqual(toldOf(here, [id]));
  });

  it('resumes at any instance without a gap or a duplicate', async () => {
    const told: string[] = [];
    // Opened before the first order: a new follower receives no past events.
    const first = await follow(service);
    let lastId = first.lastId();
    first.leave();
    const ids: string[] = [];
    // Orders are placed while the client disconnects and resumes.
    const placing = (async () => {
      while (ids.length < 60) ids.push(await place());
    })();
    for (let visit = 0; ids.length < 60; visit += 1) {
      const follower = await follow(visit % 2 === 0 ? service : other, lastId);
      await sleep(visit % 3 === 0 ? 700 : 20);
      follower.leave();
      told.push(...namesOf(follower.changes()));
      lastId = follower.lastId() ?? lastId;
    }
    await placing;
    const last = await follow(other, lastId);
    const expected = ids.flatMap((id) => [`${id}/1`, `${id}/2`]);
    const toldOfThese = () => [...told, ...namesOf(last.changes())].filter((name) => expected.includes(name));
    await eventually(() => toldOfThese().length >= expected.length);
    await sleep(TWO_LOOKS_MS);
    expect(toldOfThese().toSorted()).toEqual(expected.toSorted());
  });

  it('is not delayed by an open transaction, and receives its events after the commit', async () => {
    const [early = '', late = ''] = await insertOrders(service.database, 2);
    await lastNumber();
    const follower = await follow(service);
    const open = await beginTransaction();
    await addEvent(open, early, 2);
    const second = await beginTransaction();
    await addEvent(second, late, 2);
    await second.query('COMMIT');
    await eventually(() => toldOf(follower, [early, late]).length === 1);
    const between = await follow(other, follower.lastId());
    await open.query('COMMIT');
    await eventually(() => toldOf(follower, [early, late]).length === 2);
    expect(toldOf(follower, [early, late])).toEqual([`${late}/2`, `${early}/2`]);
    await eventually(() => toldOf(between, [early, late]).length === 1);
    await open.end();
    await second.end();
  });

  it('is not blocked by a transaction that was rolled back', async () => {
    const [gone, kept] = await insertOrders(service.database, 2);
    await lastNumber();
    const follower = await follow(service);
    const first = await beginTransaction();
    await addEvent(first, gone ?? '', 2);
    const second = await beginTransaction();
    await addEvent(second, kept ?? '', 2);
    await second.query('COMMIT');
    await first.query('ROLLBACK');
    await eventually(() => toldOf(follower, [kept ?? '']).length === 1);
    expect(toldOf(follower, [gone ?? ''])).toEqual([]);
    await first.end();
    await second.end();
  });

  it('receives only events of its own orders as a customer', async () => {
    const issuer = await TestIssuer.start();
    const settings = { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS };
    const guarded = await startTestService({ settings, beside: service });
    const callers = await knownCallers(issuer);
    const [customer, admin] = [
      await follow(guarded, undefined, callers.customer),
      await follow(guarded, undefined, callers.reader),
    ];
    const foreign = await place({ customer_id: 'another' });
    const mine = await place({ customer_id: CUSTOMER });
    await eventually(
      () => toldOf(admin, [foreign, mine]).length === 4 && toldOf(customer, [mine]).length === 2,
    );
    expect(toldOf(customer, [foreign])).toEqual([]);
    const back = await follow(guarded, admin.blocks[0]?.id, callers.customer);
    await eventually(() => toldOf(back, [mine]).length === 2);
    expect(toldOf(back, [foreign])).toEqual([]);
    await guarded.stop();
    await issuer.close();
  });
});

describe('follower that was away', () => {
  it('receives every event since its number, however many and however old', async () => {
    const follower = await follow(service);
    follower.leave();
    await insertOrders(service.database, MANY);
    const last = await lastNumber();
    const [early, late] = [await follow(service, '0'), await follow(other, String(last - 1))];
    const id = await place();
    await eventually(() => toldOf(early, [id]).length === 2 && toldOf(late, [id]).length === 2);
    expect(numbersOf(early)).toEqual(range(1, last + 2));
    expect(numbersOf(late)).toEqual(range(last, last + 2));
    expect([early, late].some(isReset)).toBe(false);
  });

  it('receives its own events of the whole feed as a customer', async () => {
    const issuer = await TestIssuer.start();
    const guarded = await startTestService({ settings: issuer.settings, beside: service });
    const mine = await insertOrders(service.database, 600, { customerId: CUSTOMER });
    await lastNumber();
    const { customer } = await knownCallers(issuer);
    const follower = await follow(guarded, '0', customer);
    await eventually(() => toldOf(follower, mine).length === mine.length);
    const owners = await selectRows<{ owner: string | null }>(
      service.database,
      `SELECT DISTINCT customer_id AS owner FROM orders WHERE id = ANY ($1)`,
      [follower.changes().map(({ order_id }) => order_id)],
    );
    expect(owners).toEqual([{ owner: CUSTOMER }]);
    await guarded.stop();
    await issuer.close();
  });
});

describe('stream of events', () => {
  it('waits for a client that does not read, without effect on others, and goes on where it was', async () => {
    const idle = await follow(service);
    idle.response.pause();
    const reader = await follow(service);
    const ids = await insertOrders(service.database, 400);
    // 16 MB, more than connections buffer.
    for (let seq = 2; seq < 22; seq += 1) {
      await selectRows(
        service.database,
        `INSERT INTO order_events (order_id, seq, type, actor, occurred_at)
         SELECT id, $2, 'incident_settled', repeat('x', 2000), now() FROM unnest($1::uuid[]) id`,
        [ids, seq],
      );
    }
    await eventually(() => toldOf(reader, ids).length === 400 * 21);
    expect(toldOf(idle, ids).length).toBeLessThan(400 * 21);
    idle.response.resume();
    await eventually(() => toldOf(idle, ids).length === 400 * 21);
    expect(numbersOf(idle)).toEqual(numbersOf(reader));
  });

  it('is rejected beyond the limit of the address, until one is closed', async () => {
    const open = await Promise.all(Array.from({ length: 87 }, () => follow(other)));
    await expect(follow(other)).rejects.toThrow('503');
    open[0]?.leave();
    await eventually(() => follow(other).catch(() => undefined));
  });

  it('ends when the service stops, without delaying the stop', async () => {
    const third = await startTestService({ beside: service });
    const follower = await follow(third);
    const id = await place();
    await eventually(() => toldOf(follower, [id]).length === 2);
    await third.stop();
    await eventually(() => follower.isEnded());
  });

  it('causes no queries without followers', async () => {
    const readers = () =>
      selectRows<{ pid: number }>(
        service.database,
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%FROM event_feed f LEFT JOIN%'
           AND pid <> pg_backend_pid() AND query_start > now() - interval '900 milliseconds'`,
      );
    const follower = await follow(service);
    await eventually(async () => (await readers()).length > 0);
    follower.leave();
    await eventually(async () => (await readers()).length === 0);
  });
});
