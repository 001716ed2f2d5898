import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { PausePoint } from '../../src/pause-points/pause-points.js';
import type { FaultRule } from '../../sandbox/faults.js';
import { PauseServer } from '../faults/world/pause-server.js';
import {
  callsTo,
  clearFaults,
  line,
  newProduct,
  orderBody,
  placeWithKey,
  restoreUpstreams,
  startFleet,
  statusesOfOrdersOf,
  statusesTold,
  stockOf,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents } from '../support/client.js';
import { findIncidents } from '../support/incidents.js';
import { queryDatabase } from '../support/invariants.js';
import { startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings, type TestResponse, type TestService } from '../support/service.js';

/** A lease of 2.2 s; due placements are resumed at once. */
const SHORT = { UPSTREAM_TIMEOUT_MS: '400', REQUEST_DEADLINE_MS: '1200', RECOVERY_INTERVAL_MS: '100' };

/** The tasks of a killed process are claimed again after their lease of 15 s. */
const CRASH_TIMEOUT_MS = 60_000;

const RESERVE = { method: 'PUT', path: '/inventory/*/reserve' } as const;

const STOCK = 10;
const ORDERED = 2;

let fleet: TestFleet;
let service: TestService;

const ask = (key: string, ...products: string[]): Promise<TestResponse> =>
  placeWithKey(service, key, orderBody(products.map((product) => line(product, ORDERED))));

/** Repeats a request while its placement is under way. */
const askUntilComplete = (key: string, ...products: string[]): Promise<TestResponse> =>
  eventually(async () => {
    const response = await ask(key, ...products);
    return response.status === 409 || response.body.type === '/problems/placement-unsettled'
      ? undefined
      : response;
  });

const historyOf = async (orderId: string) =>
  (await listEvents(service, orderId)).map(({ type, to, actor }) => [type, to ?? null, actor]);

const linesOf = async (orderId: string): Promise<string[]> => {
  const select = 'SELECT reservation FROM order_items WHERE order_id = $1 ORDER BY id';
  const rows = await queryDatabase<{ reservation: string }>(fleet.database.url, select, [orderId]);
  return rows.map(({ reservation }) => reservation);
};

const placementTasksOf = (orderId: string) =>
  queryDatabase<{ lease_version: number }>(
    fleet.database.url,
    `SELECT lease_version FROM tasks WHERE order_id = $1 AND lane = 'placement'`,
    [orderId],
  );

const reservationsOf = (product: string) =>
  callsTo(fleet.sandbox, 'inventory').filter(({ path }) => path === `/inventory/${product}/reserve`);

const disturb = (rule: FaultRule) => fleet.sandbox.services.inventory.faults.add(rule);

describe('placing an order', () => {
  beforeAll(async () => {
    fleet = await startFleet(1, () => SHORT);
    [service] = fleet.services as [TestService];
  });
  afterEach(() => restoreUpstreams(service, fleet.sandbox));
  afterAll(() => fleet.stop());

  it('confirms an order whose stock is there', async () => {
    // given
    const product = newProduct(fleet.sandbox, STOCK);
    // when
    const { status, body } = await ask('happy', product);
    // then
    expect([status, body.status]).toEqual([201, 'confirmed']);
    expect(await historyOf(body.order_id)).toEqual([
      ['placed', 'pending', 'anonymous'],
      ['status_changed', 'confirmed', 'placement'],
    ]);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED]);
    expect(await placementTasksOf(body.order_id)).toEqual([]);
    await eventually(() => statusesTold(fleet.sandbox, body.order_id).length > 0);
    expect(statusesTold(fleet.sandbox, body.order_id)).toEqual(['confirmed']);
  });

  it('refuses an order before it is stored when the look-up finds too little stock', async () => {
    // given
    const [enough, short] = [newProduct(fleet.sandbox, STOCK), newProduct(fleet.sandbox, ORDERED - 1)];
    // when
    const { status, body } = await ask('short', enough, short);
    // then
    expect([status, body.type]).toEqual([400, '/problems/insufficient-stock']);
    expect(body.shortages).toMatchObject([{ product_id: short, available: ORDERED - 1 }]);
    expect(await statusesOfOrdersOf(fleet.database, enough)).toEqual([]);
    expect([...reservationsOf(enough), ...reservationsOf(short)]).toEqual([]);
  });

  it('rejects an order whose reservation is refused, and releases what was held for it', async () => {
    // given
    const [held, refused] = [newProduct(fleet.sandbox, STOCK), newProduct(fleet.sandbox, STOCK)];
    disturb({ kind: 'status', status: 400, method: 'PUT', path: `/inventory/${refused}/reserve` });
    // when
    const { status, body } = await ask('refused', held, refused);
    // then
    expect([status, body.type]).toEqual([400, '/problems/insufficient-stock']);
    expect(body.shortages).toMatchObject([{ product_id: refused }]);
    expect(await getOrder(service, body.order_id)).toMatchObject({ status: 'rejected' });
    await eventually(async () => (await linesOf(body.order_id)).every((state) => state === 'released'));
    expect(takenFrom(fleet.sandbox, held)).toEqual([-ORDERED, ORDERED]);
    expect(stockOf(fleet.sandbox, refused)).toBe(STOCK);
    expect(statusesTold(fleet.sandbox, body.order_id)).toEqual([]);
  });

  it('leaves an order with an unknown outcome pending, and confirms it later without a second effect', async () => {
    // given
    const product = newProduct(fleet.sandbox, STOCK);
    disturb({ kind: 'hang', when: 'after', ...RESERVE });
    // when
    const first = await ask('unknown', product);
    // then
    expect([first.status, first.body.type]).toEqual([503, '/problems/placement-unsettled']);
    expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['pending']);
    // when
    clearFaults(fleet.sandbox);
    const second = await askUntilComplete('unknown', product);
    // then
    expect([second.status, second.body.order_id]).toEqual([201, first.body.order_id]);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED]);
  });

  it('completes a resumed order later when it has changed each time', async () => {
    // given
    const product = newProduct(fleet.sandbox, STOCK);
    disturb({ kind: 'status', status: 503, ...RESERVE });
    const { body } = await ask('changing', product);
    // The error by which the database reports that the order is not as it was read.
    await queryDatabase(
      fleet.database.url,
      `CREATE FUNCTION has_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END';
       CREATE TRIGGER changed BEFORE UPDATE ON orders FOR EACH ROW WHEN (new.status = 'confirmed')
         EXECUTE FUNCTION has_changed()`,
    );
    // when
    clearFaults(fleet.sandbox);
    await eventually(() => stockOf(fleet.sandbox, product) === STOCK - ORDERED);
    const [first] = await placementTasksOf(body.order_id);
    await eventually(async () => {
      const [task] = await placementTasksOf(body.order_id);
      return Number(task?.lease_version) > Number(first?.lease_version) + 1;
    });
    expect(await getOrder(service, body.order_id)).toMatchObject({ status: 'pending' });
    await queryDatabase(fleet.database.url, 'DROP FUNCTION has_changed CASCADE');
    // then
    await eventually(async () => (await getOrder(service, body.order_id)).status === 'confirmed');
    expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED]);
  });

  it('compensates an unknown outcome at once when the client can not ask again', async () => {
    // given
    const product = newProduct(fleet.sandbox, STOCK);
    disturb({ kind: 'hang', when: 'after', ...RESERVE });
    // when
    const { status, body } = await service.request('POST', '/orders', orderBody([line(product, ORDERED)]));
    // then
    expect([status, body.type]).toEqual([503, '/problems/placement-failed']);
    expect(await getOrder(service, body.order_id)).toMatchObject({ status: 'failed' });
    clearFaults(fleet.sandbox);
    await eventually(async () => (await linesOf(body.order_id))[0] === 'released');
    expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED, ORDERED]);
  });
});

describe('placing an order at an inventory without idempotent calls', () => {
  beforeAll(async () => {
    const settings = { ...SHORT, INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' };
    fleet = await startFleet(1, () => settings, { honourIdempotencyKeys: false });
    [service] = fleet.services as [TestService];
  });
  afterEach(() => clearFaults(fleet.sandbox));
  afterAll(() => fleet.stop());

  it('fails an order with an unknown outcome, and leaves its line to a person', async () => {
    // given
    const product = newProduct(fleet.sandbox, STOCK);
    disturb({ kind: 'hang', when: 'after', ...RESERVE });
    // when
    const { status, body } = await ask('plain', product);
    // then
    expect([status, body.type]).toEqual([503, '/problems/placement-failed']);
    expect(await getOrder(service, body.order_id)).toMatchObject({ status: 'failed' });
    expect(await linesOf(body.order_id)).toEqual(['in_doubt']);
    await eventually(async () => (await findIncidents(service, body.order_id)).length === 1);
    expect(reservationsOf(product)).toHaveLength(1);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED]);
  });
});

/** A request to a process of its own, which `spring` stops at a step. */
async function askProcess(
  point: PausePoint,
  key: string,
  product: string,
  spring: (end: () => Promise<unknown>) => Promise<unknown>,
  headers: Record<string, string>,
) {
  const pauses = await PauseServer.start();
  const settings = { ...testSettings(fleet.sandbox, fleet.database.url), ...SHORT };
  const other = await startServiceProcess({ ...settings, PAUSE_POINTS_URL: pauses.url });
  const end = (): Promise<unknown> => other.end('SIGKILL');
  const reached = new Promise<void>((resolve, reject) => {
    pauses.set(other.pid, { point, spring: () => spring(end).then(() => resolve(), reject) });
  });
  const body = orderBody([line(product, ORDERED)]);
  const response = send(`${other.url}/orders`, 'POST', body, { 'idempotency-key': key, ...headers });
  const settled = response.catch(() => undefined);
  await reached;
  return { response: settled, stop: () => end().then(() => pauses.close()) };
}

describe('a placement whose process dies or loses its lease', () => {
  beforeAll(async () => {
    fleet = await startFleet(1, () => SHORT);
    [service] = fleet.services as [TestService];
  });
  afterEach(() => clearFaults(fleet.sandbox));
  afterAll(() => fleet.stop());

  it.each<[step: string, PausePoint, headers: Record<string, string>]>([
    ['transaction 1', 'placement.after-accept', {}],
    ['the price of an asynchronous order', 'placement.after-price', { prefer: 'respond-async' }],
    ['the reservation', 'inventory.after-reserve', {}],
    ['transaction 2', 'placement.after-settle', {}],
  ])(
    'is completed by another instance after a crash behind %s',
    async (step, point, headers) => {
      // given
      const product = newProduct(fleet.sandbox, STOCK);
      // when
      const { stop } = await askProcess(point, step, product, (kill) => kill(), headers);
      await stop();
      // then
      const { status, body } = await askUntilComplete(step, product);
      expect([status, body.status]).toEqual([201, 'confirmed']);
      expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['confirmed']);
      expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED]);
      expect((await historyOf(body.order_id)).map(([, to]) => to)).toEqual(['pending', 'confirmed']);
      await eventually(() => statusesTold(fleet.sandbox, body.order_id).length > 0, CRASH_TIMEOUT_MS);
      expect(statusesTold(fleet.sandbox, body.order_id)).toEqual(['confirmed']);
    },
    CRASH_TIMEOUT_MS,
  );

  it(
    'is not completed by the process that lost its lease',
    async () => {
      // given
      const product = newProduct(fleet.sandbox, STOCK);
      const { faults } = fleet.sandbox.services.inventory;
      const hangs: FaultRule = { kind: 'hang', when: 'after', skip: 1, times: 1, ...RESERVE };
      disturb(hangs);
      // when
      const { response, stop } = await askProcess(
        'placement.before-settle',
        'lost',
        product,
        async () => {
          // The lease ends while the process is frozen, and another instance acquires it.
          await queryDatabase(
            fleet.database.url,
            `UPDATE tasks SET run_at = now(), lease_until = now() WHERE lane = 'placement'`,
          );
          await eventually(() => faults.held > 0);
        },
        {},
      );
      // then
      expect(await response).toMatchObject({ status: 503, body: { type: '/problems/placement-unsettled' } });
      const { status, body } = await askUntilComplete('lost', product);
      expect([status, body.status]).toEqual([201, 'confirmed']);
      expect((await historyOf(body.order_id)).at(-1)).toEqual(['status_changed', 'confirmed', 'recovery']);
      expect(takenFrom(fleet.sandbox, product)).toEqual([-ORDERED]);
      await stop();
    },
    CRASH_TIMEOUT_MS,
  );
});
