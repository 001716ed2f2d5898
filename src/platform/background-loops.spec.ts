import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BackgroundLoops, STANDSTILL_MS } from './background-loops.js';
import { Metrics } from './metrics/metrics.js';
import { PeriodicTask } from './periodic-task.js';

const HOUR_MS = 3_600_000;

let metrics: Metrics;
let loops: BackgroundLoops;
let now = 0;

beforeEach(() => {
  metrics = new Metrics();
  loops = new BackgroundLoops(metrics);
  // Nothing here takes hours.
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  jest.restoreAllMocks();
});

const standingStill = () => loops.findStandingStill().map(({ name }) => name);

describe('a background loop', () => {
  it('stands still 30 s after its pause without progress', () => {
    const loop = loops.add('quick', { pauseMs: 1_000 });
    loop.start();
    now += 1_000 + STANDSTILL_MS;
    expect(standingStill()).toEqual([]);
    now += 1;
    expect(standingStill()).toEqual(['quick']);
    loop.reportProgress();
    expect(standingStill()).toEqual([]);
  });

  it('may pause for an hour when that is its interval', () => {
    loops.add('hourly', { pauseMs: HOUR_MS }).start();
    now += HOUR_MS + STANDSTILL_MS;
    expect(standingStill()).toEqual([]);
    now += 1;
    expect(standingStill()).toEqual(['hourly']);
  });

  it('may wait for another service for as long as a step of it may take', () => {
    loops.add('patient', { pauseMs: 0, longestStepMs: 120_000 }).start();
    now += 130_000;
    expect(standingStill()).toEqual([]);
    now += 10_000;
    expect(standingStill()).toEqual(['patient']);
  });

  it('is not judged before its start and after its stop', async () => {
    const loop = loops.add('stopped', { pauseMs: 0 });
    now += HOUR_MS;
    expect(standingStill()).toEqual([]);
    loop.start();
    loop.stop();
    loop.reportProgress();
    now += HOUR_MS;
    expect(standingStill()).toEqual([]);
    expect(await metrics.registry.metrics()).not.toContain('loop="stopped"');
  });

  it('is measured by the age of its last success and the age that is allowed', async () => {
    loops.add('measured', { pauseMs: 1_000 }).start();
    now += 7_000;
    const text = await metrics.registry.metrics();
    expect(text).toContain('background_loop_last_success_age_seconds{loop="measured"} 7');
    expect(text).toContain('background_loop_allowed_age_seconds{loop="measured"} 31');
  });
});

describe('repeated work', () => {
  it('reports progress after each pass that succeeds, and none after one that fails', async () => {
    let succeeds = true;
    const loop = loops.add('work', { pauseMs: 0 });
    const passes: (() => void)[] = [];
    const work = new PeriodicTask(
      async () => {
        await new Promise<void>((resolve) => passes.push(resolve));
        return succeeds;
      },
      0,
      loop,
    );
    const pass = async (): Promise<void> => {
      while (passes.length === 0) await new Promise((resolve) => setImmediate(resolve));
      passes.shift()?.();
      await work.ended();
    };
    work.start();
    now += 5_000;
    await pass();
    expect(loop.ageMs).toBe(0);
    succeeds = false;
    now += 5_000;
    await pass();
    expect(loop.ageMs).toBe(5_000);
    work.stop();
    passes.shift()?.();
  });

  it('repeats a failed pass soon, although its interval is an hour', async () => {
    const pauses = jest.spyOn(globalThis, 'setTimeout');
    const work = new PeriodicTask(async () => false, HOUR_MS, loops.add('hourly', { pauseMs: HOUR_MS }));
    work.start();
    const [first, pauseMs] = pauses.mock.calls.at(-1) ?? [];
    expect(pauseMs).toBe(HOUR_MS);
    first?.();
    await work.ended();
    expect(pauses.mock.calls.at(-1)?.[1]).toBe(5_000);
    work.stop();
  });
});
