import { describe, expect, it } from '@jest/globals';
import { retryPauseMs } from './task-kind.js';

const limits = (maxPauseMs: number) => ({ firstPauseMs: 1_000, maxPauseMs });

describe('the pause before the next attempt', () => {
  it('doubles from a second up to the maximum', () => {
    const pauses = [1, 2, 3, 4, 9_000].map((attempts) => retryPauseMs(attempts, limits(5_000), 0));
    expect(pauses).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('is up to a fifth shorter, so that tasks that failed together spread', () => {
    expect(retryPauseMs(3, limits(30_000), 1)).toBe(3_200);
    expect(retryPauseMs(3, limits(30_000), 0.5)).toBe(3_600);
  });
});
