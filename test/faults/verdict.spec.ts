import { describe, expect, it } from '@jest/globals';
import type { Evidence, EventRow } from './verdict/evidence.js';
import { judge } from './verdict/judge.js';

const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

function eventOf(seq: number, type: string, from: string | null, to: string | null): EventRow {
  return { orderId: ID, seq, type, from, to, actor: 'a', reason: null, data: null, at: new Date() };
}

/** One confirmed order of one line, whose customer was notified and then erased. */
function evidenceOf(events: EventRow[], version: number, email: string | null): Evidence {
  const at = Date.now();
  return {
    inventory: 'per-product',
    records: [],
    orders: new Map([
      [
        ID,
        {
          id: ID,
          customerId: '42',
          email,
          status: 'confirmed',
          total: '10',
          version,
          cartId: null,
          placedAt: new Date(),
        },
      ],
    ]),
    items: new Map([[ID, [{ orderId: ID, line: 1, productId: 'P', quantity: 1, reservation: 'held' }]]]),
    events: new Map([[ID, events]]),
    tasks: [],
    movements: [],
    stock: [],
    ledger: [
      {
        sequence: 1,
        at,
        product: 'P',
        delta: -1,
        quantity: 0,
        route: 'PUT /inventory/P/reserve',
        key: `${ID}/1/reserve`,
        reservation: null,
        replay: false,
      },
    ],
    messages: [],
    carts: [],
    cartChanges: [],
    collapses: [],
  };
}

const PLACED = eventOf(1, 'placed', null, 'pending');
const CONFIRMED = eventOf(2, 'status_changed', 'pending', 'confirmed');

describe('verdict on an order with erased personal data', () => {
  it('finds no violation, whether it was erased before or after its confirmation', () => {
    const after = [PLACED, CONFIRMED, eventOf(3, 'personal_data_erased', null, null)];
    const before = [PLACED, eventOf(2, 'personal_data_erased', null, null), { ...CONFIRMED, seq: 3 }];
    for (const events of [after, before]) expect(judge(evidenceOf(events, 3, null)).violations).toEqual([]);
  });

  it('still finds a gap in the history, and a missing notification of a customer with an address', () => {
    const gap = judge(evidenceOf([PLACED, CONFIRMED], 3, null)).violations;
    expect(gap).toMatchObject([{ promise: 'P5', orderId: ID }]);
    const untold = judge(evidenceOf([PLACED, CONFIRMED], 2, 'alice@example.com')).violations;
    expect(untold).toMatchObject([{ promise: 'P1', orderId: ID }]);
  });
});
