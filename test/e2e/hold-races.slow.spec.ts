import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { line, newProduct, selectRows, startFleet, stockOf, type TestFleet } from '../support/builders.js';
import {
  cancelOrder,
  confirmOrder,
  endHolds,
  extendHold,
  HOLD_SECONDS,
  reserveOrder,
} from '../support/holds.js';
import { findEventGaps } from '../support/invariants.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

/** Races of each kind, as many at a time as a busy checkout has. */
const RACES = 500;
const AT_ONCE = 10;

/** A worker looks for tasks that are due about so often. */
const LONGEST_MOMENT_MS = 500;

/** A race takes 100 ms on a busy machine. */
const TIME_LIMIT_MS = 120_000;

let fleet: TestFleet;
let one: TestService;
let other: TestService;

beforeAll(async () => {
  fleet = await startFleet(2);
  [one, other] = fleet.services as [TestService, TestService];
});
afterAll(async () => {
  expect(await findEventGaps(fleet.database.url)).toEqual([]);
  await fleet.stop();
});

const ascending = (left = 0, right = 0): number => left - right;

/** The two requests of a race for one order, and what the order has become. */
interface Race {
  answers: [TestResponse | undefined, TestResponse | undefined];
  id: string;
  status: string;
}

/** Starts both sides of many races, each for an order of one unit, and waits until the stock adds up. */
async function race(
  first: (id: string) => Promise<TestResponse | undefined>,
  second: (id: string) => Promise<TestResponse | undefined>,
): Promise<Race[]> {
  const product = newProduct(fleet.sandbox, RACES);
  const races: Race[] = [];
  for (let count = 0; count < RACES; count += AT_ONCE) {
    races.push(
      ...(await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          const id = await reserveOrder(one, [line(product)]);
          const answers = await Promise.all([first(id), second(id)]);
          return { answers, id, status: '' };
        }),
      )),
    );
  }
  await eventually(async () => {
    const statuses = await statusesOf(races.map(({ id }) => id));
    for (const each of races) each.status = statuses.get(each.id) ?? '';
    const held = races.filter(({ status }) => status === 'reserved' || status === 'confirmed').length;
    return stockOf(fleet.sandbox, product) === RACES - held;
  });
  return races;
}

async function statusesOf(ids: readonly string[]): Promise<Map<string, string>> {
  const sql = 'SELECT id, status FROM orders WHERE id = ANY ($1)';
  const rows = await selectRows<{ id: string; status: string }>(fleet.database, sql, [ids]);
  return new Map(rows.map(({ id, status }) => [id, status]));
}

const expire = async (id: string): Promise<undefined> => {
  await endHolds(one, [id]);
  return undefined;
};

/** Sends a request within the time that the worker takes to find a hold that has ended. */
function aMomentLater(send: (id: string) => Promise<TestResponse>): (id: string) => Promise<TestResponse> {
  return async (id) => {
    await sleep(Math.random() * LONGEST_MOMENT_MS);
    return send(id);
  };
}

/** The statuses that each order had after its hold had begun, by order. */
async function changesOf(races: readonly Race[]): Promise<Map<string, string[]>> {
  const sql = `SELECT order_id, array_agg(to_status ORDER BY seq) AS changes FROM order_events
    WHERE order_id = ANY ($1) AND from_status IS NOT NULL AND from_status <> 'pending' GROUP BY order_id`;
  const rows = await selectRows<{ order_id: string; changes: string[] }>(fleet.database, sql, [
    races.map(({ id }) => id),
  ]);
  return new Map(rows.map(({ order_id: id, changes }) => [id, changes]));
}

describe('of two changes of a reserved order exactly one is written', () => {
  it(
    'a confirmation and the expiry',
    async () => {
      // A confirmation that comes after the expiry reserves the unit again, so that it always succeeds.
      const races = await race(
        expire,
        aMomentLater((id) => confirmOrder(other, id, { reference: id })),
      );
      const changes = await changesOf(races);
      for (const { answers, id, status } of races) {
        expect([answers[1]?.status, status]).toEqual([200, 'confirmed']);
        expect([['confirmed'], ['expired', 'confirmed']]).toContainEqual(changes.get(id) ?? []);
      }
      // Otherwise it was no race.
      expect(new Set([...changes.values()].map(([first]) => first))).toEqual(
        new Set(['confirmed', 'expired']),
      );
    },
    TIME_LIMIT_MS,
  );

  it(
    'a cancellation and a confirmation',
    async () => {
      const races = await race(
        (id) => cancelOrder(one, id),
        (id) => confirmOrder(other, id, { reference: id }),
      );
      const changes = await changesOf(races);
      for (const { answers, id, status } of races) {
        const [cancelled, confirmed] = answers;
        // A confirmed order can still be cancelled; a cancelled one is never confirmed.
        expect([cancelled?.status, status]).toEqual([200, 'cancelled']);
        if (confirmed?.status !== 200)
          expect(confirmed).toMatchObject({ status: 409, body: { current_status: 'cancelled' } });
        expect(changes.get(id)).toEqual(
          confirmed?.status === 200 ? ['confirmed', 'cancelled'] : ['cancelled'],
        );
      }
    },
    TIME_LIMIT_MS,
  );

  it(
    'two confirmations by different payments, at two instances',
    async () => {
      const races = await race(
        (id) => confirmOrder(one, id, { reference: `a-${id}` }),
        (id) => confirmOrder(other, id, { reference: `b-${id}` }),
      );
      const changes = await changesOf(races);
      for (const { answers, id, status } of races) {
        expect(status).toBe('confirmed');
        expect(answers.map((answer) => answer?.status).toSorted(ascending)).toEqual([200, 409]);
        expect(answers.find((answer) => answer?.status === 409)?.body.current_status).toBe('confirmed');
        expect(changes.get(id) ?? []).toEqual(['confirmed']);
      }
    },
    TIME_LIMIT_MS,
  );

  it(
    'an extension and the expiry',
    async () => {
      const races = await race(
        expire,
        aMomentLater((id) => extendHold(other, id, 2 * HOLD_SECONDS)),
      );
      const changes = await changesOf(races);
      for (const { answers, id, status } of races) {
        const extended = answers[1];
        if (extended?.status === 200) {
          expect([status, changes.get(id) ?? []]).toEqual(['reserved', []]);
          continue;
        }
        expect(extended).toMatchObject({ status: 409, body: { current_status: 'expired' } });
        expect([status, changes.get(id) ?? []]).toEqual(['expired', ['expired']]);
      }
      expect(new Set(races.map(({ answers }) => answers[1]?.status))).toEqual(new Set([200, 409]));
    },
    TIME_LIMIT_MS,
  );
});
