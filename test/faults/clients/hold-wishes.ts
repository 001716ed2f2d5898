import { Random } from '../campaign/random.ts';
import type { ClientPayment } from './record.ts';

/**
 * Longer than any campaign: holds end when the campaign ends them. Clients extend a hold to twice as long, by which
 * extended ones are recognized.
 */
export const HOLD_SECONDS = 2 * 24 * 3_600;
export const EXTENDED_SECONDS = 2 * HOLD_SECONDS;

/**
 * `end`: the campaign lets the time of the hold pass. `await-end`: waits until the order is not reserved any more. `confirm` with
 * or without a payment, and `confirm-by-status` with `PUT`.
 */
export type HoldStep = (
  | { kind: 'end' | 'await-end' | 'extend' | 'cancel' | 'confirm-by-status' }
  | { kind: 'confirm'; payment: ClientPayment | null }
  | { kind: 'payments'; payment: ClientPayment }
) & {
  /** Pause before it. */
  afterMs?: number;
};

/** What a client does with its hold. */
export interface HoldWish {
  /** Steps one after another; those of an inner list are taken at the same time. */
  steps: HoldStep[][];
  /** Whether it pays after the end of its hold. */
  isLate: boolean;
}

const END: HoldStep = { kind: 'end' };
const AWAIT_END: HoldStep = { kind: 'await-end' };
const EXTEND: HoldStep = { kind: 'extend' };
const CANCEL: HoldStep = { kind: 'cancel' };

function drawConfirmation(random: Random, n: number): HoldStep {
  if (random.chance(0.15)) return { kind: 'confirm-by-status' };
  const state = random.pick(['authorized', 'captured'] as const);
  return { kind: 'confirm', payment: random.chance(0.8) ? { reference: `pay-${n}`, state } : null };
}

/** About until the service has found that a hold is over. */
const RACE_MS = 1_000;

/** The end of a hold, and steps about the same time. */
function drawRace(random: Random, steps: readonly HoldStep[]): HoldStep[] {
  return [END, ...steps.map((step) => ({ ...step, afterMs: random.integer(0, RACE_MS) }))];
}

/** One request, or the same one twice at the same time; some are repeated later. */
function drawConfirmations(random: Random, n: number): HoldStep[][] {
  const one = drawConfirmation(random, n);
  const first = random.chance(0.35) ? [one, one] : [one];
  return random.chance(0.25) ? [first, [one]] : [first];
}

/** Reports of the payment provider that change nothing for the hold. */
function drawReports(random: Random, n: number): HoldStep[] {
  if (random.chance(0.6)) return [];
  const state = random.pick(['declined', 'captured'] as const);
  const report: HoldStep = { kind: 'payments', payment: { reference: `report-${n}`, state } };
  return random.chance(0.5) ? [report, report] : [report];
}

function drawSteps(random: Random, n: number): { steps: HoldStep[][]; isLate: boolean } {
  const draw = random.next();
  const [first = [], ...rest] = drawConfirmations(random, n);
  const reports = drawReports(random, n);
  // Half of the holds are confirmed: in time, at their end, or after it.
  if (draw < 0.2) return { steps: [[...first, ...reports], ...rest], isLate: false };
  if (draw < 0.32) return { steps: [drawRace(random, [...first, ...reports]), ...rest], isLate: false };
  if (draw < 0.5) return { steps: [[END], [AWAIT_END], [...first, ...reports], ...rest], isLate: true };
  if (draw < 0.56) return { steps: [[EXTEND, ...reports]], isLate: false };
  if (draw < 0.64) return { steps: [drawRace(random, [EXTEND, ...reports]), [EXTEND]], isLate: false };
  if (draw < 0.68) return { steps: [[EXTEND], first, ...rest], isLate: false };
  if (draw < 0.74) return { steps: [[CANCEL, ...reports]], isLate: false };
  if (draw < 0.8) return { steps: [[CANCEL, ...first], ...rest], isLate: false };
  if (draw < 0.84) return { steps: [drawRace(random, [CANCEL])], isLate: false };
  if (draw < 0.88) return { steps: [reports], isLate: false };
  return { steps: [drawRace(random, reports), [AWAIT_END]], isLate: false };
}

/** @returns null for two thirds of the orders; the same seed and number give the same wish */
export function drawHold(seed: number, n: number): HoldWish | null {
  const random = Random.of(seed, 'hold', n);
  return random.chance(1 / 3) ? drawSteps(random, n) : null;
}
