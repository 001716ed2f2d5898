import * as currencies from 'dinero.js/currencies';

/** Decimals that an order can have; those of a currency that has been withdrawn since are not known. */
const MAX_DECIMALS = 4;

const decimals = new Map<string, number>(
  Object.values(currencies).map(({ code, base, exponent }) => [code, base === 10 ? exponent : 2]),
);

const formats = new Map<string, Intl.NumberFormat>();

/** As in `1,234.50 USD`: with as many decimals as ISO 4217 gives the currency. */
export function formatMoney(amount: number | null, currency: string): string {
  if (amount === null) return '—';
  let format = formats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat('en', {
      minimumFractionDigits: decimals.get(currency) ?? 0,
      maximumFractionDigits: MAX_DECIMALS,
    });
    formats.set(currency, format);
  }
  return `${format.format(amount)} ${currency}`;
}
