/**
 * The life of an order: each status, the statuses that may follow it, and what it means.
 *
 * `live`: the order is delivered or will be, so it rightly holds stock. `settledBy`: who sets the next status, the
 * placement or an admin tool. `open`: nothing has left yet, so customer, addresses and note can be corrected.
 */
export const ORDER_STATUSES = {
  pending: {
    next: ['reserved', 'confirmed', 'rejected', 'failed'],
    live: true,
    open: true,
    settledBy: 'placement',
  },
  reserved: { next: ['confirmed', 'cancelled', 'expired'], live: true, open: true, settledBy: 'admin' },
  confirmed: { next: ['processing', 'shipped', 'cancelled'], live: true, open: true, settledBy: 'admin' },
  rejected: { next: [], live: false, open: false, settledBy: 'none' },
  failed: { next: [], live: false, open: false, settledBy: 'none' },
  processing: { next: ['shipped', 'cancelled'], live: true, open: true, settledBy: 'admin' },
  shipped: { next: ['delivered'], live: true, open: false, settledBy: 'admin' },
  delivered: { next: ['returned'], live: true, open: false, settledBy: 'admin' },
  cancelled: { next: [], live: false, open: false, settledBy: 'none' },
  expired: { next: ['confirmed'], live: false, open: false, settledBy: 'admin' },
  returned: { next: [], live: true, open: false, settledBy: 'none' },
} as const satisfies Record<string, StatusRules>;

interface StatusRules {
  next: readonly string[];
  live: boolean;
  open: boolean;
  settledBy: 'placement' | 'admin' | 'none';
}

export type OrderStatus = keyof typeof ORDER_STATUSES;

export const ORDER_STATUS_NAMES = Object.keys(ORDER_STATUSES) as OrderStatus[];

/** System B calls an order `Ordered` once it is placed. */
const ALIASES = new Map<string, OrderStatus>([['ordered', 'confirmed']]);

/** Reads a status as clients write it, in any case. */
export function parseStatus(text: string): OrderStatus | undefined {
  const name = text.toLowerCase();
  return ALIASES.get(name) ?? ORDER_STATUS_NAMES.find((status) => status === name);
}

/** A customer may cancel its own order until work on it has begun. */
const CUSTOMER_TRANSITIONS: Partial<Record<OrderStatus, OrderStatus[]>> = {
  reserved: ['cancelled'],
  confirmed: ['cancelled'],
};

/** A hold ends by time alone, or by a cancellation. */
const SET_BY_TIME: OrderStatus = 'expired';

/** Who sets a status. An admin tool may make every transition. */
export type StatusSetter = 'admin' | 'customer';

/** The statuses that may be set next; none during the placement. */
export function allowedTransitions(from: OrderStatus, by: StatusSetter = 'admin'): OrderStatus[] {
  if (by === 'customer') return [...(CUSTOMER_TRANSITIONS[from] ?? [])];
  const rules = ORDER_STATUSES[from];
  return rules.settledBy === 'admin' ? rules.next.filter((status) => status !== SET_BY_TIME) : [];
}

/** The result of setting a status: no change, a change, or a refusal. */
export type Transition = 'unchanged' | 'changed' | 'refused';

/** @returns whether an order may go from `from` to `to`, or already is there */
export function transition(from: OrderStatus, to: OrderStatus, by: StatusSetter = 'admin'): Transition {
  if (from === to) return 'unchanged';
  return allowedTransitions(from, by).includes(to) ? 'changed' : 'refused';
}

/** The statuses of orders that hold no stock rightly, as a list of SQL. */
export const NOT_LIVE = ORDER_STATUS_NAMES.filter((status) => !ORDER_STATUSES[status].live)
  .map((status) => `'${status}'`)
  .join(', ');

/** Whether the stock of an order in this status is rightly held. */
export function isLive(status: OrderStatus): boolean {
  return ORDER_STATUSES[status].live;
}

/** Whether customer, addresses and note of an order in this status can be corrected. */
export function isOpen(status: OrderStatus): boolean {
  return ORDER_STATUSES[status].open;
}
