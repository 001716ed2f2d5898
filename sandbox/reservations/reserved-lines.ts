import { MAX_QUANTITY, readFields, readId, readInteger, readList } from '../input.ts';

export interface ReservedLine {
  readonly product_id: string;
  readonly quantity: number;
}

/** Units by product. */
export function sumByProduct(lines: readonly ReservedLine[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { product_id: id, quantity } of lines) sums.set(id, (sums.get(id) ?? 0) + quantity);
  return sums;
}

/** Far above any order; it bounds the work of one call. */
const MAX_LINES = 1_000;

/** Reads the lines of a reservation or a cart: `[{product_id, quantity}]`. */
export function readLines(value: unknown): ReservedLine[] {
  return readList(value, 'items', MAX_LINES).map((entry) => {
    const fields = readFields(entry, 'item');
    return {
      product_id: readId(fields['product_id'], 'product_id'),
      quantity: readInteger(fields['quantity'], 'quantity', 1, MAX_QUANTITY),
    };
  });
}
