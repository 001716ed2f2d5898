import type { InventoryCall, OrderEvent } from '../api/types.ts';
import { formatMoney } from '../ui/money.ts';

/** An event in a few words. */
export function describeEvent({ type, from, to, data }: OrderEvent): string {
  switch (type) {
    case 'placed':
      return 'Placed';
    case 'status_changed':
      return `${from ?? ''} → ${to ?? ''}`;
    case 'corrected':
      return `Corrected: ${fieldsOf(data)}`;
    case 'hold_extended':
      return 'Hold extended';
    case 'payment_recorded':
      return describePayment(data);
    case 'paid_without_stock':
      return 'Paid after the hold, and the stock is gone';
    case 'stock_released':
      return 'Stock released';
    case 'stock_in_doubt':
      return 'Stock in doubt: it may or may not be held';
    case 'incident_settled':
      return 'Incident resolved';
    case 'personal_data_erased':
      return 'Name and email erased';
  }
}

/** A reported payment, as in `Payment captured: 164.97 USD (pay_8f2k)`. */
function describePayment(data: OrderEvent['data']): string {
  const { reference, state, amount, currency } = data ?? {};
  return `Payment ${String(state)}: ${formatMoney(Number(amount), String(currency))} (${String(reference)})`;
}

/** The fields that an event names, as people read them: `shipping address, note`. */
function fieldsOf(data: OrderEvent['data']): string {
  const fields: unknown = data?.['fields'];
  return Array.isArray(fields) ? fields.join(', ').replaceAll('_', ' ') : '';
}

const OPERATIONS: Record<InventoryCall['operation'], string> = {
  reserve: 'Inventory reservation',
  release: 'Inventory release',
};

/**
 * A call to the inventory, as in `Inventory asked to reserve: 2 lines held · 3 calls (2 × 2xx, 1 × timeout) · 12 ms`.
 */
export function describeCall({ operation, lines, attempts, duration_ms: ms }: InventoryCall): string {
  const count = Object.values(attempts).reduce((sum, part) => sum + part, 0);
  const outcomes = Object.entries(lines).map(
    ([outcome, n]) => `${n} ${n === 1 ? 'line' : 'lines'} ${outcome}`,
  );
  const answers = Object.entries(attempts).map(([answer, n]) => `${n} × ${answer.replaceAll('_', ' ')}`);
  const calls =
    count === 0 ? 'no call was made' : `${count} ${count === 1 ? 'call' : 'calls'} (${answers.join(', ')})`;
  return `${OPERATIONS[operation]}: ${outcomes.join(', ')} · ${calls} · ${ms} ms`;
}
