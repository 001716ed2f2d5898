import { EMAIL_KEY, emailKey } from '../addresses/email-address.js';
import type { OrderStatus } from '../order-status.js';
import type { Owner } from '../ownership.js';

/** Which orders are meant; all conditions hold together. */
export interface OrderFilter {
  status?: OrderStatus | undefined;
  customerId?: string | undefined;
  customerEmail?: string | undefined;
  productId?: string | undefined;
  /** Smallest and, not included, largest id: ids begin with the time of placement. */
  fromId?: string | undefined;
  beforeId?: string | undefined;
  /** Free text of a search: an id, the customer's e-mail address, or a product. */
  search?: string | undefined;
}

/** Adds a value to those of a statement. @returns the parameter that stands for it */
export type AddValue = (value: unknown) => string;

/** The columns that a search can lead with. Each has an index that ends with the id of the order. */
export type Key = 'o.customer_id' | typeof EMAIL_KEY | 'o.status' | 'product';

/** A condition on orders. The value is SQL. */
export interface Condition {
  key: Key;
  value: string;
}

/** Conditions on orders, the most selective in most shops first, and bounds on the id. */
export interface Conditions {
  conditions: readonly Condition[];
  /** Such as `< $2`. */
  bounds: readonly string[];
}

/** The conditions of the filter, except for the search. */
export function conditionsOf(owner: Owner, filter: OrderFilter, add: AddValue): Conditions {
  const conditions: Condition[] = [];
  const where = (key: Key, value: string | null | undefined): void => {
    if (value !== undefined && value !== null) conditions.push({ key, value: add(value) });
  };
  where('o.customer_id', owner);
  where('o.customer_id', filter.customerId?.normalize('NFC'));
  where(EMAIL_KEY, filter.customerEmail === undefined ? undefined : emailKey(filter.customerEmail));
  where('product', filter.productId);
  where('o.status', filter.status);
  const bounds = [
    ...(filter.fromId === undefined ? [] : [`>= ${add(filter.fromId)}`]),
    ...(filter.beforeId === undefined ? [] : [`< ${add(filter.beforeId)}`]),
  ];
  return { conditions, bounds };
}

/** SQL that is true of those `orders o` that meet a condition. */
export function textOf({ key, value }: Condition): string {
  if (key !== 'product') return `${key} = ${value}`;
  return `EXISTS (SELECT 1 FROM order_items l WHERE l.order_id = o.id AND l.product_id = ${value})`;
}
