import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Deadline } from '../deadline.js';
import { CallerBulkhead } from './load/caller-bulkhead.js';
import { ADMISSION_MS, AdaptiveConcurrencyLimit } from './adaptive-concurrency-limit.js';

const MOST = 40;

let bulkhead: CallerBulkhead;
let guard: AdaptiveConcurrencyLimit;
let caller = 0;

beforeEach(() => {
  bulkhead = new CallerBulkhead(MOST, 0);
  guard = new AdaptiveConcurrencyLimit(bulkhead, MOST);
});
afterEach(() => guard.stop());

/** Takes a permit for a caller that has none, so that no share matters here. */
function enter(): Promise<() => void> {
  caller += 1;
  guard.noteRequest();
  return bulkhead.enter({ name: `caller ${caller}`, isCustomer: false }, Deadline.in(0));
}

const isFull = (): boolean => bulkhead.refusalFor({ name: 'one more', isCustomer: false }) !== undefined;

/** The number of permits at this moment; all are released again. */
async function countPlaces(): Promise<number> {
  const entries = await Promise.allSettled(Array.from({ length: 2 * MOST }, enter));
  const entered = entries.filter((entry) => entry.status === 'fulfilled');
  for (const { value: leave } of entered) leave();
  return entered.length;
}

/** Blocks the event loop for most of the time, in stretches of `atATimeMs`. */
async function keepBusy(ms: number, atATimeMs = 80): Promise<void> {
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt) {
    const restAt = performance.now() + atATimeMs;
    while (performance.now() < restAt);
    await sleep(1);
  }
}

async function until(isReached: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await isReached()) return;
    await sleep(50);
  }
  throw new Error('it did not happen');
}

describe('a bulkhead that is guarded', () => {
  it('gets narrower while the process has more to do than it can, but not without end', async () => {
    for (let places = MOST; places > MOST / 4; places = await countPlaces()) await keepBusy(500);
    await keepBusy(500);
    // It may have grown by one step in between, if the machine was busy with something else for a moment.
    const places = await countPlaces();
    expect(places).toBeGreaterThanOrEqual(MOST / 4);
    expect(places).toBeLessThanOrEqual(MOST / 4 + 1);
  }, 30_000);

  it('returns to its full width after the load, and keeps it while all requests only wait', async () => {
    guard.noteRequest();
    await keepBusy(1_000);
    await until(async () => (await countPlaces()) === MOST);
    const leave = await Promise.all(Array.from({ length: MOST }, enter));
    await sleep(500);
    expect(isFull()).toBe(true);
    for (const goOn of leave) goOn();
    await until(async () => (await countPlaces()) === MOST);
  }, 30_000);

  it('puts up with a little delay, and with less of it once some are refused all the time', async () => {
    await until(async () => {
      await keepBusy(200, 12);
      return (await countPlaces()) === MOST;
    });
    const refusals = setInterval(() => {
      guard.noteRequest();
      guard.noteRefusal();
    }, 10);
    try {
      await until(async () => {
        await keepBusy(200, 12);
        return (await countPlaces()) === MOST / 4;
      });
    } finally {
      clearInterval(refusals);
    }
  }, 30_000);

  it('measures nothing without requests, and measures again when they come', async () => {
    expect(guard.isMeasuring).toBe(false);
    const leave = await enter();
    await sleep(1_500);
    expect(guard.isMeasuring).toBe(true);
    leave();
    await until(() => !guard.isMeasuring);
    for (let places = MOST; places === MOST; places = await countPlaces()) await keepBusy(500);
  }, 30_000);

  it('keeps its permits when it gets narrower, and admits the next request when enough have left', async () => {
    const inside = await Promise.all(Array.from({ length: 3 }, enter));
    bulkhead.resize(2);
    expect(isFull()).toBe(true);
    inside[0]?.();
    expect(isFull()).toBe(true);
    inside[1]?.();
    expect(isFull()).toBe(false);
  });

  it('lets those after a burst wait as long as those in it, although some were refused', async () => {
    for (let refusal = 0; refusal < 1_000; refusal += 1) guard.noteRefusal();
    for (let look = 0; look < 10; look += 1) {
      await sleep(50);
      expect(guard.admissionMs).toBe(ADMISSION_MS);
    }
  });

  it('queues a burst, and shortens the queue during a lasting overload', async () => {
    expect(guard.admissionMs).toBe(ADMISSION_MS);
    const refusals = setInterval(() => {
      guard.noteRequest();
      guard.noteRefusal();
    }, 10);
    try {
      await until(() => guard.admissionMs < ADMISSION_MS);
    } finally {
      clearInterval(refusals);
    }
    await until(() => guard.admissionMs === ADMISSION_MS);
  });
});
