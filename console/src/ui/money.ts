const formats = new Map<string, Intl.NumberFormat>();

/** As in `1,234.50 USD`: with as many decimals as the currency has. */
export function formatMoney(amount: number | null, currency: string): string {
  if (amount === null) return '—';
  let format = formats.get(currency);
  if (!format) {
    const { maximumFractionDigits } = new Intl.NumberFormat('en', {
      style: 'currency',
      currency,
    }).resolvedOptions();
    format = new Intl.NumberFormat('en', {
      minimumFractionDigits: maximumFractionDigits,
      maximumFractionDigits: 4,
    });
    formats.set(currency, format);
  }
  return `${format.format(amount)} ${currency}`;
}
