import { describe, expect, it } from '@jest/globals';
import { AdaptiveLimit } from './adaptive-limit.js';

const MAX = 128;

/** Runs attempts at the limit against a service that works on `threads` of them at a time, each for `serviceMs`. */
function runWindows(limit: AdaptiveLimit, windows: number, threads: number, serviceMs: number): number[] {
  return Array.from({ length: windows }, () => {
    const running = limit.current;
    const durationMs = serviceMs * Math.max(1, running / threads);
    for (let n = 0; n < Math.max(10, running); n += 1) limit.record(durationMs, false, running);
    return limit.current;
  });
}

function fail(limit: AdaptiveLimit, attempts: number): void {
  for (let n = 0; n < attempts; n += 1) limit.record(1, true, limit.current);
}

describe('adaptive limit', () => {
  it('starts at 16, or at a lower maximum', () => {
    expect(new AdaptiveLimit(MAX).current).toBe(16);
    expect(new AdaptiveLimit(5).current).toBe(5);
  });

  it('grows to the maximum while attempts stay quick', () => {
    const limit = new AdaptiveLimit(MAX);
    expect(runWindows(limit, 40, 1_000, 20).at(-1)).toBe(MAX);
  });

  it('stays as it is while it is not reached', () => {
    const limit = new AdaptiveLimit(MAX);
    for (let n = 0; n < 10_000; n += 1) limit.record(20, false, 3);
    expect(limit.current).toBe(16);
  });

  it('stays near the capacity of a service that queues', () => {
    const limit = new AdaptiveLimit(MAX);
    const limits = runWindows(limit, 500, 40, 375).slice(30);
    expect(Math.max(...limits)).toBeLessThanOrEqual(40 * 1.5 * 1.1 + 1);
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(20);
  });

  it('shrinks when attempts fail, down to 1, and recovers', () => {
    const limit = new AdaptiveLimit(MAX);
    fail(limit, 500);
    expect(limit.current).toBe(1);
    expect(runWindows(limit, 60, 1_000, 20).at(-1)).toBe(MAX);
  });

  it('ignores single failures', () => {
    const limit = new AdaptiveLimit(MAX);
    for (let n = 0; n < 2_000; n += 1) limit.record(20, n % 20 === 0, limit.current);
    expect(limit.current).toBe(MAX);
  });

  it('does not stay at 1 when every attempt becomes slow, however few run at a time', () => {
    const limit = new AdaptiveLimit(MAX);
    runWindows(limit, 5, 1_000, 5);
    const limits = runWindows(limit, 60, 1_000, 400);
    expect(Math.min(...limits)).toBe(1);
    expect(limits.at(-1)).toBeGreaterThan(16);
  });

  it('grows again after the service has become slower for good', () => {
    const limit = new AdaptiveLimit(MAX);
    runWindows(limit, 60, 1_000, 50);
    const limits = runWindows(limit, 400, 1_000, 500);
    expect(Math.min(...limits)).toBeLessThan(MAX);
    expect(limits).toContain(MAX);
  });
});
