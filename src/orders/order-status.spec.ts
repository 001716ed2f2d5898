import { describe, expect, it } from '@jest/globals';
import {
  allowedTransitions,
  isLive,
  isOpen,
  ORDER_STATUS_NAMES,
  ORDER_STATUSES,
  type OrderStatus,
  parseStatus,
  transition,
} from './order-status.js';

/** Every allowed transition, as the design lists them. */
const DESIGNED = [
  'pending > reserved',
  'pending > confirmed',
  'pending > rejected',
  'pending > failed',
  'reserved > confirmed',
  'reserved > cancelled',
  'reserved > expired',
  'expired > confirmed',
  'confirmed > processing',
  'confirmed > shipped',
  'confirmed > cancelled',
  'processing > shipped',
  'processing > cancelled',
  'shipped > delivered',
  'delivered > returned',
];

describe('the state machine', () => {
  it('allows what the design lists, and nothing else', () => {
    const allowed = ORDER_STATUS_NAMES.flatMap((from) =>
      ORDER_STATUSES[from].next.map((to) => `${from} > ${to}`),
    );
    expect(allowed.toSorted()).toEqual(DESIGNED.toSorted());
  });

  it('leads only to statuses that exist', () => {
    for (const { next } of Object.values(ORDER_STATUSES)) {
      for (const status of next) expect(ORDER_STATUS_NAMES).toContain(status);
    }
  });

  it('reaches every status from the first', () => {
    const reached = new Set<OrderStatus>(['pending']);
    for (const status of reached) for (const next of ORDER_STATUSES[status].next) reached.add(next);
    expect([...reached].toSorted()).toEqual(ORDER_STATUS_NAMES.toSorted());
  });

  it('has no cycles: an order never returns to a status', () => {
    const after = (status: OrderStatus): OrderStatus[] =>
      ORDER_STATUSES[status].next.flatMap((next) => [next, ...after(next)]);
    for (const status of ORDER_STATUS_NAMES) expect(after(status)).not.toContain(status);
  });

  it('leaves pending orders to their placement', () => {
    expect(allowedTransitions('pending')).toEqual([]);
    expect(transition('pending', 'confirmed')).toBe('refused');
  });

  it.each(ORDER_STATUS_NAMES)('takes setting %s again for nothing to do', (status) => {
    expect(transition(status, status)).toBe('unchanged');
  });

  it('holds stock for every order but failed ones', () => {
    expect(ORDER_STATUS_NAMES.filter((status) => !isLive(status))).toEqual([
      'rejected',
      'failed',
      'cancelled',
      'expired',
    ]);
  });
});

describe('corrections of customer and addresses', () => {
  it('are possible until the order leaves or ends', () => {
    expect(ORDER_STATUS_NAMES.filter((status) => isOpen(status))).toEqual([
      'pending',
      'reserved',
      'confirmed',
      'processing',
    ]);
  });
});

describe('reading a status', () => {
  it.each([
    ['shipped', 'shipped'],
    ['SHIPPED', 'shipped'],
    ['Ordered', 'confirmed'],
    ['ordered', 'confirmed'],
  ])('takes %s for %s', (text, status) => {
    expect(parseStatus(text)).toBe(status);
  });

  it.each(['', 'unknown', ' shipped', 'constructor', '__proto__', 'toString'])(
    'knows no status %j',
    (text) => {
      expect(parseStatus(text)).toBeUndefined();
    },
  );
});
