import { renderTable } from '../text-table.js';
import { ALARMING, DRIFT_VERDICTS, type DriftVerdict, type ProductDrift } from './drift.js';

/** The meaning of each verdict, for the operator. */
const MEANINGS: Record<DriftVerdict, string> = {
  oversold:
    'more is sold than was ever taken: a customer will not get their goods. Look at the orders of the product',
  leaked:
    'taken, but for no order: compare GET /operations/incidents, then give the units back at the catalog',
  surplus: 'more in stock than expected: received since? then --rebase. If not, it is oversold',
  missing:
    'less in stock than expected: sold elsewhere or lost? then --rebase. If not, compare GET /operations/incidents',
  unknown_product: 'the inventory does not know this product',
  baseline: 'seen for the first time; the next report compares with this one',
  as_expected: 'as expected',
};

const HEADINGS = ['product', 'in stock', 'expected', 'drift', 'verdict', 'what it means'];

/** The report as a table of the products to investigate, and a summary line of the others. */
export function renderDrift(products: readonly ProductDrift[]): string {
  const counts = DRIFT_VERDICTS.map((verdict) => ({
    verdict,
    count: products.filter((product) => product.verdict === verdict).length,
  })).filter(({ count }) => count > 0);
  const summary = counts.map(({ verdict, count }) => `${count} ${verdict}`).join(', ');
  const shown = products.filter(({ verdict }) => verdict !== 'as_expected' && verdict !== 'baseline');
  const total = `${products.length} products compared${summary && `: ${summary}`}.\n`;
  return shown.length === 0 ? total : `${renderTable([HEADINGS, ...shown.map(toCells)])}\n${total}`;
}

/** The report for programs: every product, under names that will stay. */
export function renderDriftJson(products: readonly ProductDrift[]): string {
  const body = products.map(
    ({ productId, quantity, books, baseline, journal, drift, verdict, writtenOff = 0 }) => ({
      product_id: productId,
      verdict,
      drift,
      units_written_off: writtenOff,
      quantity,
      units_sold: books.sold,
      units_perhaps_held: books.held,
      units_taken_by_journal: journal ?? null,
      baseline: baseline
        ? {
            at: baseline.at.toISOString(),
            quantity: baseline.quantity,
            units_sold: baseline.sold,
            units_perhaps_held: baseline.held,
          }
        : null,
    }),
  );
  return `${JSON.stringify({ products: body, alarming: products.filter(isAlarming).length }, null, 2)}\n`;
}

/** Whether the product needs an investigation. */
export function isAlarming({ verdict }: ProductDrift): boolean {
  return ALARMING.has(verdict);
}

function toCells(product: ProductDrift): string[] {
  const { productId, quantity, drift, verdict, writtenOff } = product;
  const sign = drift > 0 ? '+' : '';
  return [
    productId,
    String(quantity ?? '-'),
    expected(product),
    `${sign}${drift}`,
    verdict,
    writtenOff === undefined
      ? MEANINGS[verdict]
      : `${writtenOff} units were written off as incidents and may still be held. ${MEANINGS[verdict]}`,
  ];
}

/** The expected stock; a range while orders are in progress. */
function expected({ books, baseline }: ProductDrift): string {
  if (!baseline) return '-';
  const least = baseline.quantity - (books.held - baseline.sold);
  const most = baseline.quantity - (books.sold - baseline.held);
  return least === most ? String(least) : `${least} to ${most}`;
}
