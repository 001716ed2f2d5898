import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { API_KEYS, CUSTOMER, knownCallers } from '../support/callers.js';
import { type Follower, follow as open } from '../support/event-stream.js';
import { TestIssuer } from '../support/issuer.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
let product = '';
const followers: Follower[] = [];

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100_000);
});
afterAll(() => service.stop());
afterEach(() => {
  for (const follower of followers.splice(0)) follower.leave();
});

async function follow(...of: Parameters<typeof open>): Promise<Follower> {
  const follower = await open(...of);
  followers.push(follower);
  return follower;
}

const place = (more = {}, as = {}) => placeOrder(service, orderBody([line(product)], more), as);
const query = <Row extends object>(sql: string, values: unknown[] = []) =>
  selectRows<Row>(service.database, sql, values);

const versionsOf = (follower: Follower, id: string): number[] =>
  follower.changes().flatMap(({ order_id, version }) => (order_id === id ? [version] : []));
const isReset = (follower: Follower): boolean => follower.blocks.some(({ event }) => event === 'reset');

/** Places an order. @returns a position after its last event, and the order's id */
async function placeAndLeave(): Promise<{ id: string; position: string }> {
  const follower = await follow(service);
  const id = await place();
  await eventually(() => versionsOf(follower, id).length === 2);
  follower.leave();
  return { id, position: follower.lastId() ?? '' };
}

/** Events lost by a failover are as absent as deleted ones; here too, later transactions have larger numbers. */
const lose = (id: string) => query(`DELETE FROM order_events WHERE order_id = $1`, [id]);

describe('stream position whose event the database does not have', () => {
  it('causes a reset, although later transactions have larger numbers', async () => {
    const { id, position } = await placeAndLeave();
    await lose(id);
    await place();
    const back = await follow(service, position);
    await eventually(() => isReset(back));
    const next = await place();
    await eventually(() => versionsOf(back, next).length === 2);
  });

  it('causes a reset when another event has its numbers', async () => {
    const { id, position } = await placeAndLeave();
    await query(`UPDATE order_events SET occurred_at = occurred_at + interval '1 ms' WHERE order_id = $1`, [
      id,
    ]);
    const back = await follow(service, position);
    await eventually(() => isReset(back));
  });

  it('causes a reset for connected followers and for later ones', async () => {
    const follower = await follow(service);
    const id = await place();
    await eventually(() => versionsOf(follower, id).length === 2);
    await lose(id);
    const other = await follow(service);
    await eventually(() => isReset(follower));
    const next = await place();
    await eventually(() => versionsOf(follower, next).length === 2 && versionsOf(other, next).length === 2);
    const back = await follow(service, follower.lastId());
    await place();
    expect(isReset(back)).toBe(false);
  });
});

describe('stream position that the database has', () => {
  it('can be resumed after any number of transactions without events', async () => {
    const { position } = await placeAndLeave();
    for (let count = 0; count < 5; count += 1) await query('SELECT pg_current_xact_id()');
    const back = await follow(service, position);
    const id = await place();
    await eventually(() => versionsOf(back, id).length === 2);
    expect(back.changes()).toHaveLength(2);
    expect(isReset(back)).toBe(false);
  });

  it('may have the first format: a transaction, or a transaction with an order and a number', async () => {
    const { id } = await placeAndLeave();
    const [event] = await query<{ tx: string }>(
      `SELECT transaction_id::text AS tx FROM order_events WHERE order_id = $1 AND seq = 1`,
      [id],
    );
    const tx = event?.tx ?? '';
    const known = await follow(service, `${tx}-${id}-1`);
    await eventually(() => versionsOf(known, id).length === 1);
    expect(versionsOf(known, id)).toEqual([2]);
    const before = await follow(service, tx);
    await eventually(() => versionsOf(before, id).length === 2);
    const unknown = await follow(service, `${tx}-${id}-7`);
    await eventually(() => isReset(unknown));
    const [{ next } = { next: '' }] = await query<{ next: string }>(
      `SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next`,
    );
    const ahead = await follow(service, String(BigInt(next) + 1_000n));
    await eventually(() => isReset(ahead));
    expect([known, before].some(isReset)).toBe(false);
  });

  it('names no order of another customer', async () => {
    const issuer = await TestIssuer.start();
    const settings = { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS };
    const guarded = await startTestService({ settings, beside: service });
    const { customer } = await knownCallers(issuer);
    const follower = await follow(guarded, undefined, customer);
    const foreign = await place({ customer_id: 'another' });
    const mine = await place({ customer_id: CUSTOMER });
    await eventually(() => versionsOf(follower, mine).length === 2);
    follower.leave();
    const last = await place({ customer_id: 'another' });
    const back = await follow(guarded, follower.lastId(), customer);
    const ids = [...follower.blocks, ...back.blocks].map((block) => block.id).join(' ');
    expect(ids).not.toContain(foreign);
    expect(ids).not.toContain(last);
    back.leave();
    await guarded.stop();
    await issuer.close();
  });
});
