/** A postal address, with the members of the API. */
export interface Address {
  name: string;
  company?: string;
  line1: string;
  line2?: string;
  postal_code?: string;
  city: string;
  region?: string;
  /** ISO 3166-1 alpha-2. */
  country: string;
}

export const CHARGE_TYPES = ['shipping', 'tax', 'discount', 'fee'] as const;

/** An amount beside the lines, with the members of the API. */
export interface Charge {
  type: (typeof CHARGE_TYPES)[number];
  label?: string;
  /** The number that the client wrote, which is exact for amounts. Negative for a discount, and for nothing else. */
  amount: number;
  /** Whether the prices contain it already, as most taxes in Europe: then it is shown, and not added. */
  included?: boolean;
}

/** Fields of the client, by its own names. */
export type FlatObject = Record<string, string | number | boolean>;

/** What a client may add to an order besides its customer and lines. Null where it added nothing. */
export interface OrderDetails {
  number: string | null;
  customerPhone: string | null;
  shippingAddress: Address | null;
  billingAddress: Address | null;
  note: string | null;
  tags: string[] | null;
  metadata: FlatObject | null;
  charges: Charge[] | null;
  source: string | null;
  sourceOrderId: string | null;
}

/** The same of a line. */
export interface LineDetails {
  sku: string | null;
  options: FlatObject | null;
  metadata: FlatObject | null;
}

/** Of a line to which the client added nothing, as one of a cart. */
export const NO_LINE_DETAILS: Readonly<LineDetails> = { sku: null, options: null, metadata: null };

/** Bytes of the details of an order and its lines as JSON; null where there are none. */
export function detailBytesOf(details: OrderDetails, lines: readonly LineDetails[]): number | null {
  const { customerPhone, shippingAddress, billingAddress, note, tags, metadata, charges } = details;
  const { source, sourceOrderId } = details;
  const values = [
    customerPhone,
    shippingAddress,
    billingAddress,
    note,
    tags,
    metadata,
    charges,
    source,
    sourceOrderId,
    ...lines.flatMap((line) => [line.sku, line.options, line.metadata]),
  ].filter((value) => value !== null);
  return values.length === 0 ? null : Buffer.byteLength(JSON.stringify(values));
}
