import type { Correction, Order } from '../../api/types.ts';

export type Kind = 'shipping_address' | 'billing_address';

type Address = NonNullable<Order[Kind]>;
type Value = Order['metadata'][string];

/** The lines of an address as the form has them, with their labels. */
export const ADDRESS_LINES: [part: keyof Address, label: string, isRequired: boolean][] = [
  ['name', 'Name', true],
  ['company', 'Company', false],
  ['line1', 'Line 1', true],
  ['line2', 'Line 2', false],
  ['postal_code', 'Postal code', false],
  ['city', 'City', true],
  ['region', 'Region', false],
  ['country', 'Country (two letters, as in DE)', true],
];

export type ValueType = 'text' | 'number' | 'boolean';

/** A field of metadata as it is typed. */
export interface MetadataRow {
  id: number;
  key: string;
  type: ValueType;
  value: string;
}

type AddressDraft = Record<keyof Address, string>;

/** What the form holds: text, and empty where the order has nothing. */
export interface Draft {
  customer_name: string;
  customer_email: string;
  customer_phone: string;
  note: string;
  /** One a line. */
  tags: string;
  shipping_address: AddressDraft;
  billing_address: AddressDraft;
  metadata: MetadataRow[];
}

export function draftOf(order: Order): Draft {
  return {
    customer_name: order.customer_name ?? '',
    customer_email: order.customer_email ?? '',
    customer_phone: order.customer_phone ?? '',
    note: order.note ?? '',
    tags: order.tags.join('\n'),
    shipping_address: addressDraft(order.shipping_address),
    billing_address: addressDraft(order.billing_address),
    metadata: Object.entries(order.metadata).map(([key, value], id) => ({
      id,
      key,
      type: typeof value === 'string' ? 'text' : (typeof value as 'number' | 'boolean'),
      value: String(value),
    })),
  };
}

function addressDraft(address: Address | null): AddressDraft {
  return Object.fromEntries(ADDRESS_LINES.map(([part]) => [part, address?.[part] ?? ''])) as AddressDraft;
}

/** The keys that are there more than once, which an object can't have. */
export function repeatedKeys(rows: readonly MetadataRow[]): string[] {
  const keys = rows.map(({ key }) => key);
  return [...new Set(keys.filter((key, index) => keys.indexOf(key) < index))];
}

/** What was changed, as a JSON Merge Patch (RFC 7396). Empty where nothing was. */
export function patchOf(order: Order, draft: Draft): Correction {
  const before = draftOf(order);
  const patch: Correction = {};
  // A name and an address can be replaced, and not removed: the service refuses the empty text.
  if (draft.customer_name !== before.customer_name) patch.customer_name = draft.customer_name;
  if (draft.customer_email !== before.customer_email) patch.customer_email = draft.customer_email;
  if (draft.customer_phone !== before.customer_phone) patch.customer_phone = draft.customer_phone || null;
  if (draft.note !== before.note) patch.note = draft.note || null;
  if (draft.tags !== before.tags) patch.tags = tagsOf(draft.tags);
  for (const kind of ['shipping_address', 'billing_address'] as const) {
    const change = addressPatch(before[kind], draft[kind]);
    if (change !== undefined) patch[kind] = change;
  }
  const metadata = metadataPatch(order.metadata, draft.metadata);
  if (Object.keys(metadata).length > 0) patch.metadata = metadata;
  return patch;
}

function tagsOf(text: string): string[] | null {
  const tags = text
    .split('\n')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  return tags.length === 0 ? null : tags;
}

function addressPatch(before: AddressDraft, after: AddressDraft): Correction[Kind] | undefined {
  const changed = ADDRESS_LINES.filter(([part]) => after[part] !== before[part]);
  if (changed.length === 0) return undefined;
  if (ADDRESS_LINES.every(([part]) => after[part] === '')) return null;
  return Object.fromEntries(
    changed.map(([part, , isRequired]) => [part, after[part] === '' && !isRequired ? null : after[part]]),
  );
}

function metadataPatch(
  before: Order['metadata'],
  rows: readonly MetadataRow[],
): Record<string, Value | null> {
  const after = new Map(rows.map((row) => [row.key, valueOf(row)]));
  const removed = Object.keys(before).filter((key) => !after.has(key));
  const set = [...after].filter(([key, value]) => !Object.hasOwn(before, key) || before[key] !== value);
  return Object.fromEntries([...set, ...removed.map((key): [string, null] => [key, null])]);
}

function valueOf({ type, value }: MetadataRow): Value {
  if (type === 'number') return Number(value);
  return type === 'boolean' ? value === 'true' : value;
}
