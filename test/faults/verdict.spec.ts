import { describe, expect, it } from '@jest/globals';
import type { ClientRecord } from './clients/record.js';
import type { Evidence, EventRow, OrderRow } from './verdict/evidence.js';
import { judge } from './verdict/judge.js';

const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

function eventOf(seq: number, type: string, from: string | null, to: string | null): EventRow {
  const at = new Date();
  return { orderId: ID, seq, type, from, to, actor: 'a', reason: null, data: null, at, feedNo: seq };
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
          source: null,
          sourceOrderId: null,
          metadata: null,
          placedAt: new Date(),
          holdSeconds: null,
          isHoldOver: false,
          payments: [],
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
    receivers: [],
    leaks: [],
    collapses: [],
  };
}

const PLACED = eventOf(1, 'placed', null, 'pending');
const CONFIRMED = eventOf(2, 'status_changed', 'pending', 'confirmed');

describe('verdict on an order with erased personal data', () => {
  it('finds no violation, whether it was erased before or after its confirmation', () => {
    const after = [PLACED, CONFIRMED, eventOf(3, 'personal_data_erased', null, null)];
    const before = [
      PLACED,
      eventOf(2, 'personal_data_erased', null, null),
      { ...CONFIRMED, seq: 3, feedNo: 3 },
    ];
    for (const events of [after, before]) expect(judge(evidenceOf(events, 3, null)).violations).toEqual([]);
  });

  it('still finds a gap in the history, and a missing notification of a customer with an address', () => {
    const gap = judge(evidenceOf([PLACED, CONFIRMED], 3, null)).violations;
    expect(gap).toMatchObject([{ promise: 'P5', orderId: ID }]);
    const untold = judge(evidenceOf([PLACED, CONFIRMED], 2, 'alice@example.com')).violations;
    expect(untold).toMatchObject([{ promise: 'P1', orderId: ID }]);
  });
});

/** A client with one correction. */
const recordOf = (status: number): ClientRecord => ({
  n: 7,
  kind: 'items',
  key: null,
  customerId: '42',
  email: null,
  cartId: null,
  items: [],
  isAsync: false,
  details: {},
  isToErase: false,
  isErased: false,
  keyExpiredAt: null,
  told: [],
  polls: [],
  changes: [],
  hold: null,
  corrections: [
    { orderId: ID, field: 'correction-0', told: [{ at: 0, instance: 'A', status, type: null, version: 3 }] },
  ],
});

/** The violations of corrections, where the client got this status for its own. */
const judgeCorrection = (events: EventRow[], metadata: Record<string, unknown> | null, status = 200) => {
  const evidence = evidenceOf(events, events.length, null);
  const order = evidence.orders.get(ID);
  if (order) order.metadata = metadata;
  const { violations } = judge({ ...evidence, records: [recordOf(status)] });
  return violations.filter(({ what }) => /correct/.test(what));
};

describe('verdict on corrections', () => {
  const CORRECTED = eventOf(3, 'corrected', null, null);

  it('finds no violation where each has one event and its value', () => {
    expect(judgeCorrection([PLACED, CONFIRMED, CORRECTED], { 'correction-0': 7 })).toEqual([]);
    expect(judgeCorrection([PLACED, CONFIRMED], null, 503)).toEqual([]);
  });

  it('finds one that was answered and is lost, and one that was applied twice', () => {
    expect(judgeCorrection([PLACED, CONFIRMED], null)).toMatchObject([{ promise: 'P1', orderId: ID }]);
    const twice = [PLACED, CONFIRMED, CORRECTED, eventOf(4, 'corrected', null, null)];
    expect(judgeCorrection(twice, { 'correction-0': 7 })).toMatchObject([{ promise: 'P3', orderId: ID }]);
  });
});

/** The messages of these events in this order; a repetition is answered from memory. */
const sent = (...seqs: number[]) =>
  seqs.map((seq, index) => {
    const isFirst = seqs.indexOf(seq) === index;
    return {
      sequence: index,
      at: index,
      key: `${ID}/${seq}/notify`,
      order_id: ID,
      customer_name: 'Alice',
      customer_email: 'alice@example.com',
      status: seq === 2 ? 'confirmed' : 'shipped',
      duplicate: !isFirst,
      delivered: isFirst,
    };
  });
describe('verdict on the messages about an order', () => {
  const SHIPPED = eventOf(3, 'status_changed', 'confirmed', 'shipped');
  const judged = (...seqs: number[]) => {
    const evidence = evidenceOf([PLACED, CONFIRMED, SHIPPED], 3, 'alice@example.com');
    const order = { ...evidence.orders.get(ID), status: 'shipped' } as OrderRow;
    const orders = new Map([[ID, order]]);
    return judge({ ...evidence, orders, messages: sent(...seqs) }).violations.map(
      ({ promise, what }) => `${promise} ${what}`,
    );
  };

  it('accepts a repetition before the next message', () => {
    expect(judged(2, 2, 3, 3)).toEqual([]);
  });

  it('finds a repetition after the next message, although it was answered from memory', () => {
    expect(judged(2, 3, 2)).toEqual(['P5 the notifications were sent in the order of events 2,3,2']);
  });
});

/** Of an order whose two events have these numbers in the feed. */
const violationsOf = (first: number, second: number) => {
  const events = [
    { ...PLACED, feedNo: first },
    { ...CONFIRMED, feedNo: second },
  ];
  return judge(evidenceOf(events, 2, null)).violations.map(({ promise, what }) => `${promise} ${what}`);
};

describe('the verdict on the feed', () => {
  it('finds nothing broken when the numbers are dense and in order', () => {
    expect(violationsOf(1, 2)).toEqual([]);
  });

  it('finds an event without a number, a gap, a number that was used twice and a wrong order', () => {
    expect(violationsOf(1, 0)).toEqual(['P1 event 2 is not in the feed']);
    expect(violationsOf(1, 3)).toEqual(['P5 the feed has 2 events, and its last number is 3']);
    expect(violationsOf(1, 1)).toEqual(['P5 the feed has 2 events, and its last number is 1']);
    expect(violationsOf(2, 1)).toEqual(['P5 the feed has its events in the order 2,1']);
  });
});

/** The response that confirms an order. */
const confirmed = (orderId: string) => ({
  at: 1,
  instance: 'i',
  status: 201,
  key: null,
  isReplay: false,
  type: null,
  orderId,
  body: '',
});

describe('the verdict on the details of an order', () => {
  const record: ClientRecord = {
    n: 7,
    kind: 'items',
    key: null,
    customerId: '42',
    email: null,
    cartId: null,
    items: [{ product_id: 'P', quantity: 1 }],
    isAsync: false,
    details: { source: 's', source_order_id: 'R-7', charges: [{ type: 'shipping', amount: 4.99 }] },
    isToErase: false,
    isErased: false,
    keyExpiredAt: null,
    told: [],
    polls: [],
    changes: [],
    corrections: [],
    hold: null,
  };
  const judged = (more: Partial<OrderRow>, details: Partial<Evidence> = {}, told = [confirmed(ID)]) => {
    const evidence = evidenceOf([PLACED, CONFIRMED], 2, null);
    const order = { ...evidence.orders.get(ID), total: '14.9900', ...more } as OrderRow;
    const records = [{ ...record, told }];
    return judge({ ...evidence, orders: new Map([[ID, order]]), records, ...details }).violations.map(
      ({ promise, what }) => `${promise} ${what}`,
    );
  };

  it('accepts the sum of lines and charges', () => {
    expect(judged({})).toEqual([]);
  });

  it('finds a wrong total and foreign metadata', () => {
    expect(judged({ total: '10.0000' })).toEqual([
      'P1 the total is 10.0000, and lines and charges make 14.99',
    ]);
    expect(judged({ metadata: { a: 1 } })).toEqual(['P1 the metadata are {"a":1}']);
  });

  it('finds a reference that was answered with two orders', () => {
    const other = '01a1ffe2-9b80-748a-ba30-787d85a2b442';
    const found = judged({}, {}, [confirmed(ID), confirmed(other)]);
    expect(found).toContain(`P3 a reference was answered with ${ID}, ${other}`);
  });

  it('finds what is left of an erased customer', () => {
    const leaks = [{ client: 7, table: 'orders', column: 'note' }];
    expect(judged({}, { leaks })).toEqual(['erased orders.note still has data of an erased customer']);
  });
});
