/** A value with its weight. */
export interface Weighted {
  value: number;
  weight: number;
}

/**
 * The smallest value that at least the given part of all weight is not above.
 *
 * @param part between 0 and 1
 * @returns null where there are no values
 */
export function percentile(values: readonly Weighted[], part: number): number | null {
  const sorted = values.toSorted((one, other) => one.value - other.value);
  const wanted = part * sorted.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  for (const { value, weight } of sorted) {
    passed += weight;
    if (passed >= wanted) return value;
  }
  return sorted.at(-1)?.value ?? null;
}
