/**
 * Every step at which the fault harness (test/faults) may hold, freeze or kill the process. Each lies between two
 * effects, or inside an open transaction.
 */
export const PAUSE_POINTS = [
  'placement.before-look-up',
  'placement.before-refusal',
  'placement.before-accept',
  'placement.after-accept',
  'placement.before-price',
  'placement.inside-price',
  'placement.after-price',
  'placement.before-postpone',
  'placement.before-settle',
  'placement.after-settle',
  'placement.before-answer',
  'recovery.taken-over',
  'inventory.before-reserve',
  'inventory.after-reserve',
  'inventory.before-release',
  'inventory.after-release',
  'catalog.before-note',
  'catalog.before-set',
  'catalog.after-set',
  'status.before-change',
  'status.inside-change',
  'status.after-change',
  'correction.before-change',
  'correction.inside-change',
  'correction.after-change',
  'payment.before-record',
  'payment.inside-record',
  'payment.after-record',
  'confirmation.before-change',
  'confirmation.inside-change',
  'confirmation.after-change',
  'expiry.before-change',
  'expiry.inside-change',
  'expiry.after-change',
  'late-confirmation.after-begin',
  'late-confirmation.before-change',
  'late-confirmation.inside-change',
  'late-confirmation.after-change',
  'late-confirmation.inside-give-back',
  'events.inside-batch',
  'webhook.inside-dispatch',
  'webhook.before-send',
  'webhook.after-send',
  'release.before-call',
  'release.claimed',
  'release.before-record',
  'release.inside-record',
  'release.after-record',
  'notification.before-send',
  'notification.after-send',
  'cart.before-look',
  'cart.before-check-out',
  'cart.after-check-out',
] as const;

export type PausePoint = (typeof PAUSE_POINTS)[number];

/** The harness returns it for points that it no longer needs: most are reached very often. */
const GONE = 410;

let harnessUrl: string | undefined;
const unwanted = new Set<PausePoint>();

/** @param url the harness; undefined, as everywhere but in its campaigns, makes every point cost nothing */
export function armPausePoints(url: string | undefined): void {
  harnessUrl = url;
  unwanted.clear();
}

/**
 * Reports the step to the harness and waits for its answer. Returns undefined without a harness.
 *
 * @param orderId the order of the step, once it has an id
 */
export function reachPausePoint(point: PausePoint, orderId?: string): Promise<void> | undefined {
  return harnessUrl === undefined || unwanted.has(point) ? undefined : ask(harnessUrl, point, orderId);
}

async function ask(url: string, point: PausePoint, orderId: string | undefined): Promise<void> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ point, pid: process.pid, orderId }),
    });
    if (response.status === GONE) unwanted.add(point);
    await response.arrayBuffer();
  } catch {
    // The harness has ended; that is no reason for the service to do so.
  }
}
