import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { API_KEYS, CUSTOMER, knownCallers } from '../support/callers.js';
import { setStatus } from '../support/client.js';
import { type Follower, follow as followOn } from '../support/event-stream.js';
import { TestIssuer } from '../support/issuer.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** More events than are replayed to a client that resumes. */
const TOO_MANY = 2_001;

/** Longer than two polls for new events. */
const TWO_POLLS_MS = 1_200;

let service: TestService;
let other: TestService;
let product = '';
const followers: Follower[] = [];

beforeAll(async () => {
  service = await startTestService();
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

describe('follower of GET /orders/stream', () => {
  it('receives every event from now on, in order', async () => {
    const before = await place();
    const follower = await follow(service);
    expect(follower.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
    });
    expect(follower.blocks[0]).toEqual({
      event: undefined,
      id: expect.stringMatching(/^\d+-[0-9a-f]{16}$/),
      data: undefined,
    });
    const id = await place();
    await setStatus(service, id, 'shipped');
    await eventually(() => toldOf(follower, [id]).length === 3);
    const changes = follower.blocks.filter(({ data }) => data?.order_id === id);
    expect(changes.map(({ event }) => event)).toEqual(['change', 'change', 'change']);
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
    await sleep(TWO_POLLS_MS);
    expect(toldOfThese().toSorted()).toEqual(expected.toSorted());
  });

  it('receives events of a transaction that began earlier and committed later', async () => {
    const [early, late] = await insertOrders(service.database, 2);
    const follower = await follow(service);
    const first = await beginTransaction();
    await addEvent(first, early ?? '', 2);
    const second = await beginTransaction();
    await addEvent(second, late ?? '', 2);
    await second.query('COMMIT');
    await sleep(TWO_POLLS_MS);
    // The event is visible, but an earlier one is not committed yet.
    expect(toldOf(follower, [early ?? '', late ?? ''])).toEqual([]);
    const between = await follow(other, follower.lastId());
    await first.query('COMMIT');
    for (const one of [follower, between]) {
      await eventually(() => toldOf(one, [early ?? '', late ?? '']).length === 2);
      expect(toldOf(one, [early ?? '', late ?? ''])).toEqual([`${early}/2`, `${late}/2`]);
    }
    await first.end();
    await second.end();
  });

  it('is not blocked by a transaction that was rolled back', async () => {
    const [gone, kept] = await insertOrders(service.database, 2);
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

describe('follower that can not resume', () => {
  it.each(['', 'yesterday', '1 OR true', '999999999999999', '9'.repeat(30)])(
    'receives a reset for an invalid position: %j',
    async (lastEventId) => {
      const follower = await follow(service, lastEventId);
      await eventually(() => follower.blocks.some(({ event }) => event === 'reset'));
      const id = await place();
      await eventually(() => toldOf(follower, [id]).length === 2);
    },
  );

  it('receives a reset when too many events have passed', async () => {
    const follower = await follow(service);
    follower.leave();
    const watcher = await follow(service);
    await insertOrders(service.database, TOO_MANY);
    await eventually(() => watcher.changes().length >= TOO_MANY);
    const back = await follow(service, follower.lastId());
    await eventually(() => back.blocks.some(({ event }) => event === 'reset'));
    expect(back.changes()).toEqual([]);
    const again = await follow(service, back.lastId());
    const id = await place();
    await eventually(() => toldOf(again, [id]).length === 2);
    expect(again.blocks.some(({ event }) => event === 'reset')).toBe(false);
  });
});

describe('stream of events', () => {
  it('is closed when its client does not read, without effect on others', async () => {
    const idle = await follow(service);
    idle.response.pause();
    const reader = await follow(service);
    const ids = await insertOrders(service.database, 400);
    // 16 MB, more than connections buffer, in batches below the limit of a client's backlog.
    for (let seq = 2; seq < 22; seq += 1) {
      await selectRows(
        service.database,
        `INSERT INTO order_events (order_id, seq, type, actor, occurred_at)
         SELECT id, $2, 'incident_settled', repeat('x', 2000), now() FROM unnest($1::uuid[]) id`,
        [ids, seq],
      );
      await eventually(() => toldOf(reader, [ids[0] ?? '']).length === seq);
    }
    idle.response.resume();
    await eventually(() => idle.response.closed);
    expect(idle.isEnded()).toBe(false);
    const id = await place();
    await eventually(() => toldOf(reader, [id]).length === 2);
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
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_snapshot_xmin%'
           AND pid <> pg_backend_pid() AND query_start > now() - interval '900 milliseconds'`,
      );
    const follower = await follow(service);
    await eventually(async () => (await readers()).length > 0);
    follower.leave();
    await eventually(async () => (await readers()).length === 0);
  });
});
