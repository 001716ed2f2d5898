/**
 * The life of an order: each status, the statuses that may follow it, and what being in it means.
 *
 * `live`: the order is to be delivered or was, so that its stock is rightly held. `settledBy`: who moves an order on
 * from here: the placement by itself, or an admin tool.
 */
export const ORDER_STATUSES = {
  pending: { next: ['confirmed', 'rejected', 'failed'], live: true, settledBy: 'placement' },
  confirmed: { next: ['processing', 'shipped', 'cancelled'], live: true, settledBy: 'admin' },
  rejected: { next: [], live: false, settledBy: 'nobody' },
  failed: { next: [], live: false, settledBy: 'nobody' },
  processing: { next: ['shipped', 'cancelled'], live: true, settledBy: 'admin' },
  shipped: { next: ['delivered'], live: true, settledBy: 'admin' },
  delivered: { next: ['returned'], live: true, settledBy: 'admin' },
  cancelled: { next: [], live: false, settledBy: 'nobody' },
  returned: { next: [], live: true, settledBy: 'nobody' },
} as const satisfies Record<string, StatusRules>;

interface StatusRules {
  next: readonly string[];
  live: boolean;
  settledBy: 'placement' | 'admin' | 'nobody';
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

/** What a customer may do with an order of its own: take it back as long as nobody has begun to work on it. */
const CUSTOMER_TRANSITIONS: Partial<Record<OrderStatus, OrderStatus[]>> = { confirmed: ['cancelled'] };

/** Who wants to set a status; an admin tool is whoever may set any. */
export type StatusSetter = 'admin' | 'customer';

/** The statuses that may be set next; none while the placement is still under way. */
export function allowedTransitions(from: OrderStatus, by: StatusSetter = 'admin'): OrderStatus[] {
  if (by === 'customer') return [...(CUSTOMER_TRANSITIONS[from] ?? [])];
  const rules = ORDER_STATUSES[from];
  return rules.settledBy === 'admin' ? [...rules.next] : [];
}

/** What setting a status comes to: nothing to do, a change, or not allowed. */
export type Transition = 'unchanged' | 'changed' | 'refused';

/** @returns what it means when somebody asks for `to` on an order that is `from` */
export function transition(from: OrderStatus, to: OrderStatus, by: StatusSetter = 'admin'): Transition {
  if (from === to) return 'unchanged';
  return allowedTransitions(from, by).includes(to) ? 'changed' : 'refused';
}

/** Whether the stock of an order in this status is rightly held. */
export function isLive(status: OrderStatus): boolean {
  return ORDER_STATUSES[status].live;
}
