import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { line, newProduct, startFleet, stockOf, type TestFleet } from '../support/builders.js';
import { listEvents } from '../support/client.js';
import {
  cancelOrder,
  confirmOrder,
  endHolds,
  extendHold,
  HOLD_SECONDS,
  reserveOrder,
  statusOf,
} from '../support/holds.js';
import { findEventGaps } from '../support/invariants.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

/** Races of each kind, as many at a time as a busy checkout has. */
const RACES = 500;
const AT_ONCE = 10;

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
    for (const each of races) each.status = await statusOf(one, each.id);
    const held = races.filter(({ status }) => status === 'reserved' || status === 'confirmed').length;
    return stockOf(fleet.sandbox, product) === RACES - held;
  });
  return races;
}

const expire = async (id: string): Promise<undefined> => {
  await endHolds(one, [id]);
  return undefined;
};

/** The changes of status after the hold has begun. */
async function changesOf(id: string): Promise<(string | null)[]> {
  const events = await listEvents(one, id);
  return events.filter(({ from }) => from !== null && from !== 'pending').map(({ to }) => to);
}

describe('of two changes of a reserved order exactly one is written', () => {
  it('a confirmation and the expiry', async () => {
    // A confirmation that comes after the expiry reserves the unit again, so that it always succeeds.
    const races = await race(expire, (id) => confirmOrder(other, id, { reference: id }));
    for (const { answers, id, status } of races) {
      expect([answers[1]?.status, status]).toEqual([200, 'confirmed']);
      expect([['confirmed'], ['expired', 'confirmed']]).toContainEqual(await changesOf(id));
    }
  });

  it('a cancellation and a confirmation', async () => {
    const races = await race(
      (id) => cancelOrder(one, id),
      (id) => confirmOrder(other, id, { reference: id }),
    );
    for (const { answers, id, status } of races) {
      const [cancelled, confirmed] = answers;
      // A confirmed order can still be cancelled; a cancelled one is never confirmed.
      expect([cancelled?.status, status]).toEqual([200, 'cancelled']);
      if (confirmed?.status !== 200)
        expect(confirmed).toMatchObject({ status: 409, body: { current_status: 'cancelled' } });
      const changes = confirmed?.status === 200 ? ['confirmed', 'cancelled'] : ['cancelled'];
      expect(await changesOf(id)).toEqual(changes);
    }
  });

  it('two confirmations by different payments, at two instances', async () => {
    const races = await race(
      (id) => confirmOrder(one, id, { reference: `a-${id}` }),
      (id) => confirmOrder(other, id, { reference: `b-${id}` }),
    );
    for (const { answers, id, status } of races) {
      expect(status).toBe('confirmed');
      expect(answers.map((answer) => answer?.status).toSorted()).toEqual([200, 409]);
      expect(answers.find((answer) => answer?.status === 409)?.body.current_status).toBe('confirmed');
      expect(await changesOf(id)).toEqual(['confirmed']);
    }
  });

  it('an extension and the expiry', async () => {
    const races = await race(expire, (id) => extendHold(other, id, 2 * HOLD_SECONDS));
    for (const { answers, id, status } of races) {
      const extended = answers[1];
      if (extended?.status === 200) {
        expect([status, await changesOf(id)]).toEqual(['reserved', []]);
        continue;
      }
      expect(extended).toMatchObject({ status: 409, body: { current_status: 'expired' } });
      expect([status, await changesOf(id)]).toEqual(['expired', ['expired']]);
    }
  });
});
