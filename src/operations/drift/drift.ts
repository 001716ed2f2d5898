/** Units of one product by the books, at one moment. */
export interface Books {
  /** Certainly taken from the inventory: units of live, completed orders. */
  sold: number;
  /** Possibly taken: units sold, units of pending orders, and units that are in doubt or being released. */
  held: number;
}

/** The baseline of a product. */
export interface Baseline extends Books {
  quantity: number;
  at: Date;
}

/** The input of the comparison of one product. */
export interface Observation {
  productId: string;
  /** Units at the inventory; null when it does not know the product. */
  quantity: number | null;
  books: Books;
  baseline: Baseline | undefined;
  /** Units taken by our own journal; undefined for an inventory without one. */
  journal: number | undefined;
}

/**
 * `as_expected`: every unit is accounted for. `baseline`: looked at for the first time; there is nothing to compare with
 * yet. `surplus`: fewer units are missing at the inventory than were sold since the baseline: stock was received, or it
 * was oversold. `missing`: more are missing than the books explain. `oversold`, `leaked`: the same by our own journal,
 * which knows nothing of received stock, so that it is certain. `unknown_product`: the inventory does not know it.
 */
export const DRIFT_VERDICTS = [
  'oversold',
  'leaked',
  'surplus',
  'missing',
  'unknown_product',
  'baseline',
  'as_expected',
] as const;

export type DriftVerdict = (typeof DRIFT_VERDICTS)[number];

/** Verdicts that need an investigation. */
export const ALARMING: ReadonlySet<DriftVerdict> = new Set(['oversold', 'leaked', 'surplus', 'missing']);

export interface ProductDrift extends Observation {
  verdict: DriftVerdict;
  /** Units that the inventory has more (positive) or fewer (negative) than the books can explain. */
  drift: number;
  /** Units that people wrote off since the baseline and that the inventory may still hold; of missing units only. */
  writtenOff?: number;
}

/** Compares the stock of the inventory with the expected stock of the books. */
export function compare(observation: Observation): ProductDrift {
  const { quantity, books, baseline, journal } = observation;
  const byJournal = journal === undefined ? 0 : outside(journal, books.sold, books.held);
  if (byJournal !== 0) {
    return { ...observation, drift: byJournal, verdict: byJournal > 0 ? 'oversold' : 'leaked' };
  }
  if (quantity === null) return { ...observation, drift: 0, verdict: 'unknown_product' };
  if (!baseline) return { ...observation, drift: 0, verdict: 'baseline' };
  // Units in progress at either time may or may not have been taken.
  const least = books.sold - baseline.held;
  const most = books.held - baseline.sold;
  const drift = outside(baseline.quantity - quantity, least, most);
  return { ...observation, drift, verdict: drift === 0 ? 'as_expected' : drift > 0 ? 'surplus' : 'missing' };
}

/** @returns how far fewer were taken than the least (positive), or more than the most (negative); 0 in between */
function outside(taken: number, least: number, most: number): number {
  if (taken < least) return least - taken;
  return taken > most ? most - taken : 0;
}

/** The bounds of two readings of the books, before and after the inventory was read. */
export function widest(before: Books, after: Books): Books {
  return { sold: Math.min(before.sold, after.sold), held: Math.max(before.held, after.held) };
}
