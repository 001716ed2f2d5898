import * as currencies from 'dinero.js/currencies';

/** ISO 4217 has two decimals for all currencies that are not divided by a power of ten: MGA and MRU, in fifths. */
const DECIMALS_OF_OTHER_BASES = 2;

/** Still in the data of dinero.js 2.0.2. BGN: Bulgaria has used the euro since 2026-01-01. */
const WITHDRAWN: ReadonlySet<string> = new Set(['BGN']);

/** Decimals of the currencies of ISO 4217 that are in use, by code. CLDR differs: it has the decimals of cash. */
const DECIMALS: ReadonlyMap<string, number> = new Map(
  Object.values(currencies)
    .filter(({ code }) => !WITHDRAWN.has(code))
    .map(({ code, base, exponent }) => [code, base === 10 ? exponent : DECIMALS_OF_OTHER_BASES]),
);

/** Codes of ISO 4217 that are in use. Withdrawn currencies, metals and test codes are not among them. */
export const CURRENCIES: readonly string[] = [...DECIMALS.keys()];

/** Digits after the point of an amount in a currency: 2 for USD, 0 for JPY, 3 for KWD; undefined if not in use. */
export function currencyDecimals(currency: string): number | undefined {
  return DECIMALS.get(currency);
}
