import { isDeepStrictEqual } from 'node:util';
import { type FieldError, Problem } from '../../platform/http/problem.js';
import { flatObjectError } from '../details/flat-object.js';
import type { Address, FlatObject } from '../details/order-details.js';
import type { Order } from '../order.entity.js';

/** The fields that can be corrected, as clients name them, in the order in which events name them. */
const PROPERTIES = {
  billing_address: 'billingAddress',
  customer_email: 'customerEmail',
  customer_name: 'customerName',
  customer_phone: 'customerPhone',
  metadata: 'metadata',
  note: 'note',
  shipping_address: 'shippingAddress',
  tags: 'tags',
} as const satisfies Record<string, keyof Order>;

export type CorrectableField = keyof typeof PROPERTIES;

export const CORRECTABLE_FIELDS = Object.keys(PROPERTIES) as CorrectableField[];

/** These organize the work on an order, so they can be corrected in any status. */
const ORGANIZING: readonly CorrectableField[] = ['metadata', 'tags'];

/** Tags are no personal data: see docs/decisions/0040. */
const NOT_PERSONAL: readonly CorrectableField[] = ['tags'];

/** The lines of an address that each address has. */
const REQUIRED_LINES = ['name', 'line1', 'city', 'country'] as const satisfies (keyof Address)[];

type Removable<Fields> = { [Field in keyof Fields]?: Fields[Field] | null | undefined };

export type AddressPatch = Removable<Address>;

export type MetadataPatch = Record<string, FlatObject[string] | null>;

/** A JSON Merge Patch (RFC 7396), each value valid by itself: null removes, and objects are merged. */
export interface OrderPatch {
  customer_name?: string;
  customer_email?: string;
  customer_phone?: string | null;
  shipping_address?: AddressPatch | null;
  billing_address?: AddressPatch | null;
  note?: string | null;
  tags?: string[] | null;
  metadata?: MetadataPatch | null;
}

/** The order with a patch applied. */
export interface Correction {
  order: Order;
  /** The fields that change, sorted. */
  fields: CorrectableField[];
}

/**
 * Applies a patch to an order.
 *
 * @throws {Problem} invalid-request, when the result would not be valid
 */
export function correct(order: Order, patch: OrderPatch): Correction {
  const corrected: Order = {
    ...order,
    customerName: patch.customer_name ?? order.customerName,
    customerEmail: patch.customer_email ?? order.customerEmail,
    customerPhone: replace(order.customerPhone, patch.customer_phone),
    shippingAddress: nullIfEmpty(merge(order.shippingAddress, patch.shipping_address)),
    billingAddress: nullIfEmpty(merge(order.billingAddress, patch.billing_address)),
    note: replace(order.note, patch.note),
    tags: nullIfEmpty(replace(order.tags, patch.tags && patch.tags.map((tag) => tag.normalize('NFC')))),
    metadata: nullIfEmpty(merge(order.metadata, patch.metadata)),
  };
  const fields = CORRECTABLE_FIELDS.filter((field) => !isSame(order, corrected, PROPERTIES[field]));
  const errors = fields.flatMap((field) => errorsOf(field, corrected));
  if (errors.length > 0) throw Problem.invalidRequest(errors);
  return { order: corrected, fields };
}

/** The fields among those given that can only be corrected until the order leaves. */
export function untilShipped(fields: readonly CorrectableField[]): CorrectableField[] {
  return fields.filter((field) => !ORGANIZING.includes(field));
}

/** The fields among those given that an erasure of personal data erases for good. */
export function personal(fields: readonly CorrectableField[]): CorrectableField[] {
  return fields.filter((field) => !NOT_PERSONAL.includes(field));
}

function replace<Value>(current: Value | null, value: Value | null | undefined): Value | null {
  return value === undefined ? current : value;
}

/** The members of an object with those of a patch. */
function merge<Fields extends object>(
  current: Fields | null,
  patch: Removable<Fields> | null | undefined,
): Fields | null {
  if (patch === undefined || patch === null) return replace(current, patch);
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  const merged = Object.entries({ ...current, ...Object.fromEntries(given) });
  return Object.fromEntries(merged.filter(([, value]) => value !== null)) as Fields;
}

/** An order without something has null for it, or as it was placed an empty list or object. */
function nullIfEmpty<Value extends object>(value: Value | null): Value | null {
  return value !== null && Object.keys(value).length === 0 ? null : value;
}

function isSame(one: Order, other: Order, property: (typeof PROPERTIES)[CorrectableField]): boolean {
  const [before, after] = [one[property], other[property]].map((value) =>
    typeof value === 'object' ? nullIfEmpty(value) : value,
  );
  return isDeepStrictEqual(before, after);
}

/** What an order can not have. The values of the patch are valid; the result may be incomplete, or too large. */
function errorsOf(field: CorrectableField, order: Order): FieldError[] {
  const value = order[PROPERTIES[field]];
  if (value === null) return [];
  if (field === 'metadata') {
    const message = flatObjectError(value);
    return message === undefined ? [] : [{ field, message }];
  }
  if (field !== 'shipping_address' && field !== 'billing_address') return [];
  return REQUIRED_LINES.filter((line) => !(line in (value as Address))).map((line) => ({
    field: `${field}.${line}`,
    message: 'must not be missing: the order has no such address yet',
  }));
}
