import { describe, expect, it } from '@jest/globals';
import type { Receipt } from './receivers/receiver.js';
import type { EventRow, Evidence } from './verdict/evidence.js';
import { judgeWebhooks } from './verdict/webhooks.js';

const ONE = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
const OTHER = '01a1ffe2-9b80-748a-ba30-787d85a2b442';

function eventOf(orderId: string, seq: number, to: string, feedNo: number): EventRow {
  const what = { actor: 'a', reason: null, data: null, at: new Date() };
  return { orderId, seq, type: seq === 1 ? 'placed' : 'status_changed', from: null, to, feedNo, ...what };
}

const EVENTS = [
  eventOf(ONE, 1, 'pending', 1),
  eventOf(OTHER, 1, 'pending', 2),
  eventOf(ONE, 2, 'confirmed', 3),
  eventOf(OTHER, 2, 'confirmed', 4),
];

/** The receipt of an event by a receiver of these types. */
function receiptOf(feedNo: number, types: readonly string[] | null, more: Partial<Receipt> = {}): Receipt {
  const wanted = EVENTS.filter((event) => types === null || types.includes(typeOf(event)));
  const place = wanted.findIndex((event) => event.feedNo === feedNo);
  const event = EVENTS[feedNo - 1] as EventRow;
  return {
    endpoint: 'receiver',
    id: `${event.orderId}/${event.seq}`,
    isGenuine: true,
    feedNo,
    previousFeedNo: wanted[place - 1]?.feedNo ?? null,
    type: typeOf(event),
    ...more,
  };
}

const typeOf = ({ type, to }: EventRow): string => `order.${type === 'placed' ? type : to}`;

function violationsOf(receipts: Receipt[], types: readonly string[] | null = null): string[] {
  const evidence = {
    events: Map.groupBy(EVENTS, ({ orderId }) => orderId),
    receivers: [{ name: 'receiver', types, receipts }],
  } as unknown as Evidence;
  return judgeWebhooks(evidence).map(({ promise, what }) => `${promise} ${what}`);
}

const received = (...feedNos: number[]): Receipt[] => feedNos.map((feedNo) => receiptOf(feedNo, null));

describe('the verdict on the receivers of webhooks', () => {
  it('accepts any order between orders, and repetitions', () => {
    expect(violationsOf(received(1, 2, 3, 4))).toEqual([]);
    expect(violationsOf(received(2, 4, 1, 2, 3, 1))).toEqual([]);
  });

  it('accepts that a receiver gets the types that it wants, each with the one before it', () => {
    const types = ['order.confirmed'];
    expect(violationsOf([receiptOf(3, types), receiptOf(4, types)], types)).toEqual([]);
    expect(violationsOf([receiptOf(3, types), receiptOf(4, types), receiptOf(1, null)], types)).toEqual([
      `P5 receiver got ${ONE}/1, which it did not ask for or which does not exist`,
    ]);
  });

  it('finds an event that never came', () => {
    expect(violationsOf(received(1, 2, 4))).toEqual(['P1 receiver never got event 2']);
  });

  it('finds a later event of an order that came first', () => {
    expect(violationsOf(received(3, 2, 1, 4))).toEqual([
      'P5 receiver got event 1 for the first time after event 2',
    ]);
  });

  it('finds a wrong signature, a wrong number and a wrong event before it', () => {
    const others = received(2, 3, 4);
    expect(violationsOf([receiptOf(1, null, { isGenuine: false }), ...others])).toEqual([
      `P5 receiver got ${ONE}/1 with a signature or an id that is not that of the body`,
    ]);
    expect(violationsOf([receiptOf(1, null, { previousFeedNo: 7 }), ...others])).toEqual([
      `P5 receiver got ${ONE}/1 as order.placed 1 after 7; it is order.placed 1 after null`,
    ]);
  });
});
