import { watchAttempts } from '../../platform/telemetry/request-context.js';

/**
 * A call to the inventory about an order's lines, as the event that followed from it stores it. It holds neither
 * personal data nor the URL of the inventory.
 */
export interface InventoryCall {
  operation: 'reserve' | 'release';
  /** Number of lines by outcome, as in `{ held: 2 }`. */
  lines: Record<string, number>;
  /**
   * Number of attempts by result: the status class, as in `2xx`, or the reason, as in `timeout`. Empty when the
   * inventory is known to be down, or no call was needed.
   */
  attempts: Record<string, number>;
  /** From the first attempt to the last answer, with all that was waited for between them. */
  duration_ms: number;
}

/** Calls the inventory about the lines of one order, and records the call. */
export async function observeInventory<Outcome extends { outcome: string }>(
  operation: InventoryCall['operation'],
  ask: () => Promise<Outcome[]>,
): Promise<{ outcomes: Outcome[]; call: InventoryCall }> {
  const { result: outcomes, attempts, ms } = await watchAttempts(ask);
  const lines = outcomes.map(({ outcome }) => outcome);
  const call = {
    operation,
    lines: countEach(lines),
    attempts: countEach(attempts),
    duration_ms: Math.round(ms),
  };
  return { outcomes, call };
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
