import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ReservationsAdapter } from '../../src/inventory/reservations.adapter.js';
import { Deadline } from '../../src/platform/deadline.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { cleanUp, clientFor, json, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 300;

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
});
afterEach(() => cleanUp());
afterAll(() => sandbox.close());

const list = (url: string, after = '', limit = 1_000) =>
  new ReservationsAdapter(clientFor(url, TIMEOUT_MS)).reservations.list(after, limit, Deadline.in(5_000));

/** Lists the reservations of an inventory that returns this response. */
async function listFrom(status: number, body: unknown, after?: string) {
  const { origin } = await startUpstream((_request, response) => json(response, status, body));
  return list(origin, after);
}

const held = (id: unknown, items: unknown = [{ product_id: 'A', quantity: 2 }]) => ({
  reservation_id: id,
  items,
});

describe('list of reservations', () => {
  it('returns all reservations after an id, in pages', async () => {
    const items = [{ product_id: 'PROD001', quantity: 2 }];
    for (const id of ['c', 'a', 'd', 'b']) sandbox.stock.hold(id, items, { route: 'test', key: null });
    sandbox.stock.cancel('b', { route: 'test', key: null });
    const { inventory } = sandbox.urls;
    expect(await list(inventory)).toEqual(
      ['a', 'c', 'd'].map((id) => ({ id, items: [{ productId: 'PROD001', quantity: 2 }] })),
    );
    expect((await list(inventory, 'a', 1))?.map(({ id }) => id)).toEqual(['c']);
    expect(await list(inventory, 'd')).toEqual([]);
  });

  it.each([404, 405])('is not supported by an inventory that returns %i', async (status) => {
    expect(await listFrom(status, { detail: 'Not Found' })).toBeNull();
  });

  it.each<[string, unknown]>([
    ['no list', { count: 0 }],
    ['a reservation without an id', { reservations: [held(null)] }],
    ['a reservation without items', { reservations: [held('a', 'none')] }],
    ['an item without a quantity', { reservations: [held('a', [{ product_id: 'A' }])] }],
    ['ids that are not ascending', { reservations: [held('b'), held('a')] }],
    ['a duplicate id', { reservations: [held('a'), held('a')] }],
    ['a repeated page', { reservations: [held('A')] }],
  ])('is rejected when it has %s', async (_what, body) => {
    await expect(listFrom(200, body, 'B')).rejects.toMatchObject({ kind: 'invalid' });
  });
});
