import { describe, expect, it } from '@jest/globals';
import { retryPauseMs } from '../../tasks/task-kind.js';
import { WEBHOOK_POLICY } from './delivery-policy.js';

const DAY_MS = 86_400_000;

/** From the first to the last attempt. */
function totalMs(random: number): number {
  const pauses = Array.from({ length: WEBHOOK_POLICY.maxAttempts - 1 }, (_, index) =>
    retryPauseMs(index + 1, WEBHOOK_POLICY, random),
  );
  return pauses.reduce((total, pause) => total + pause, 0);
}

describe('the retries of a delivery', () => {
  it('last for three days, with the jitter that they have on average', () => {
    expect(totalMs(0.5) / DAY_MS).toBeCloseTo(3, 1);
    expect(totalMs(1) / DAY_MS).toBeGreaterThan(2.5);
    expect(totalMs(0) / DAY_MS).toBeLessThan(3.5);
  });

  it('begin after five seconds and are at most an hour apart', () => {
    expect(retryPauseMs(1, WEBHOOK_POLICY, 0)).toBe(5_000);
    expect(retryPauseMs(WEBHOOK_POLICY.maxAttempts, WEBHOOK_POLICY, 0)).toBe(3_600_000);
  });
});
