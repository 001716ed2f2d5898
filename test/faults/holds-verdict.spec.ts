import { describe, expect, it } from '@jest/globals';
import type { ClientRecord, HoldRequest, WriteTold } from './clients/record.js';
import type { Evidence, EventRow, OrderRow, TaskRow } from './verdict/evidence.js';
import { isTaskOfHold, judgeHolds } from './verdict/holds.js';
import { judgeHistory } from './verdict/history.js';
import { judgeStock } from './verdict/stock.js';

const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

function eventOf(seq: number, to: string | null, from: string | null, type = 'status_changed'): EventRow {
  const what = { actor: 'a', reason: null, data: null, at: new Date(), feedNo: seq };
  return { orderId: ID, seq, type, from, to, ...what };
}

const PLACED = eventOf(1, 'pending', null, 'placed');
const RESERVED = eventOf(2, 'reserved', 'pending');
const EXPIRED = eventOf(3, 'expired', 'reserved');

interface Given {
  events?: EventRow[];
  order?: Partial<OrderRow>;
  requests?: HoldRequest[];
  ended?: string[];
  tasks?: TaskRow[];
  more?: Partial<Evidence>;
}

/** One order with a hold that goes on, unless more is given. */
function evidenceOf({ events, order, requests = [], ended = [], tasks = [], more }: Given): Evidence {
  const own = events ?? [PLACED, RESERVED];
  const row = {
    id: ID,
    email: null,
    status: own.findLast(({ to }) => to !== null)?.to,
    version: own.length,
    holdSeconds: 3_600,
    isHoldOver: false,
    payments: [],
    ...order,
  } as unknown as OrderRow;
  return {
    inventory: 'per-product',
    records: [{ n: 7, hold: { seconds: 3_600, ended, requests } } as unknown as ClientRecord],
    orders: new Map([[ID, row]]),
    items: new Map(),
    events: new Map([[ID, own]]),
    tasks,
    messages: [],
    ledger: [],
    stock: [],
    ...more,
  } as unknown as Evidence;
}

function violationsOf(given: Given): string[] {
  return judgeHolds(evidenceOf(given)).map(({ promise, what }) => `${promise} ${what}`);
}

function requestOf(kind: HoldRequest['kind'], told: Partial<WriteTold>, isPaid = false): HoldRequest {
  return {
    orderId: ID,
    kind,
    payment: isPaid ? { reference: 'pay-7', state: 'captured' } : null,
    told: [{ at: 0, instance: 'A', status: 200, type: null, version: 3, ...told }],
  };
}

describe('the verdict on holds', () => {
  it('accepts a hold that goes on, and one that has ended', () => {
    expect(violationsOf({})).toEqual([]);
    expect(violationsOf({ events: [PLACED, RESERVED, EXPIRED], ended: [ID] })).toEqual([]);
  });

  it('finds a hold that has not ended in time, and one that has ended too early', () => {
    expect(violationsOf({ order: { isHoldOver: true } })).toEqual([
      'P4 the order is still reserved, and the time of its hold has passed',
    ]);
    expect(violationsOf({ events: [PLACED, RESERVED, EXPIRED] })).toEqual([
      'P1 the order expired before its time',
    ]);
  });

  it('finds a hold that was not asked for, and one that was left out', () => {
    expect(violationsOf({ order: { holdSeconds: null } })).toEqual([
      'P1 the order was placed without a hold, and became reserved',
    ]);
    expect(violationsOf({ events: [PLACED, eventOf(2, 'confirmed', 'pending')] })).toEqual([
      'P1 the order was placed with a hold, and became confirmed',
    ]);
  });

  it('finds an extension that is lost, and an end after it', () => {
    const requests = [requestOf('extend', {})];
    const extended = eventOf(3, null, null, 'hold_extended');
    expect(violationsOf({ requests, events: [PLACED, RESERVED, extended] })).toEqual([]);
    expect(violationsOf({ requests })).toEqual([
      'P1 a response extended the hold at version 3, and the history has no such event',
    ]);
    const events = [PLACED, RESERVED, extended, { ...EXPIRED, seq: 4 }];
    expect(violationsOf({ requests, events, ended: [ID] })).toEqual([
      'P1 the order expired at version 4, and its hold was extended at version 3',
    ]);
  });
});

describe('the verdict on confirmations', () => {
  const CONFIRMED = eventOf(3, 'confirmed', 'reserved');
  const payments = [{ reference: 'pay-7', state: 'captured' }];

  it('accepts one that stays, with its payment', () => {
    const requests = [requestOf('confirm', {}, true)];
    expect(violationsOf({ requests, events: [PLACED, RESERVED, CONFIRMED], order: { payments } })).toEqual(
      [],
    );
  });

  it('finds one that was answered and is lost, and a payment that is', () => {
    expect(violationsOf({ requests: [requestOf('confirm', {})] })).toEqual([
      'P1 a response confirmed the order at version 3, and it is reserved',
    ]);
    const requests = [requestOf('payments', { version: 2 }, true)];
    expect(violationsOf({ requests })).toEqual([
      'P1 the payment pay-7 (captured) was answered, and the order does not have it',
    ]);
  });

  it('finds a payment that was recorded twice', () => {
    expect(violationsOf({ order: { payments: [...payments, ...payments] } })).toEqual([
      'P3 the order has the payments pay-7 captured,pay-7 captured',
    ]);
  });

  it('wants an incident and an event where the stock is gone', () => {
    const told = { status: 409, type: '/problems/reservation-expired', version: null };
    const requests = [requestOf('confirm', told, true)];
    const given = { requests, ended: [ID], order: { payments } };
    const events = [PLACED, RESERVED, EXPIRED];
    expect(violationsOf({ ...given, events })).toEqual([
      'P1 a response reported that the stock is gone, and the history does not',
    ]);
    const lost = [...events, eventOf(4, null, null, 'paid_without_stock')];
    expect(violationsOf({ ...given, events: lost })).toEqual([
      'P1 the order is paid without stock, and there is no incident',
    ]);
    const task = { kind: 'confirm-expired', state: 'dead', orderId: ID, attempts: 1, error: null };
    expect(violationsOf({ ...given, events: lost, tasks: [task] })).toEqual([]);
    expect(isTaskOfHold(task, evidenceOf({ ...given, events: lost }))).toBe(true);
    expect(isTaskOfHold(task, evidenceOf({ ...given, events }))).toBe(false);
  });
});

describe('the verdict on the history and the stock of holds', () => {
  it('finds a second confirmation, and a message about a hold', () => {
    const confirmed = eventOf(3, 'confirmed', 'reserved');
    const again = eventOf(4, 'confirmed', 'confirmed');
    const twice = judgeHistory(evidenceOf({ events: [PLACED, RESERVED, confirmed, again] }));
    expect(twice).toMatchObject([{ promise: 'P3', what: 'the order was led to confirmed twice' }]);
    const message = { key: `${ID}/2/notify`, order_id: ID, status: 'reserved', delivered: true };
    const messages = [message] as unknown as Evidence['messages'];
    expect(judgeHistory(evidenceOf({ more: { messages } }))).toMatchObject([
      { promise: 'P5', what: 'the customer was notified of the status reserved' },
    ]);
  });

  it('finds two generations that hold stock', () => {
    const ledger = [`${ID}/1/reserve`, `${ID}-2/1/reserve`].map((key) => ({
      product: 'P',
      delta: -1,
      route: 'PUT /inventory/P/reserve',
      key,
      replay: false,
    })) as unknown as Evidence['ledger'];
    const items = new Map([
      [ID, [{ orderId: ID, line: 1, productId: 'P', quantity: 1, reservation: 'held' as const }]],
    ]);
    const found = judgeStock(evidenceOf({ more: { ledger, items } })).violations;
    expect(found).toContainEqual({
      promise: 'P3',
      what: 'generation 1 still holds 1 units of P, and generation 2 was begun',
      orderId: ID,
    });
    expect(judgeStock(evidenceOf({ more: { ledger: ledger.slice(0, 1), items } })).violations).toEqual([]);
  });
});
