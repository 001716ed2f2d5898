import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BusyTime } from './busy-time.js';
import type { PermitHolder } from './permit-holder.js';
import { MAX_WAITING, ProcessorShareError } from './processor-account.js';
import { MAX_ACCOUNTS, ProcessorShares } from './processor-shares.js';

const FLOOD: PermitHolder = { name: 'customer:flood', isCustomer: true };
const BACKEND: PermitHolder = { name: 'key:shop', isCustomer: false };
const ADDRESS: PermitHolder = { name: '192.0.2.1', isCustomer: false, isAnonymous: true };
const HONEST: PermitHolder = { name: 'customer:honest', isCustomer: true };

/** Milliseconds of processor time of each request. */
const COST_MS = 20;

let busyMs: number;
let shares: ProcessorShares;
let served: string[];
let refused: ProcessorShareError[];

/** The event loop is busy for as long as a request costs, which its size shows. */
async function send(holder: PermitHolder, costMs = COST_MS, kind = 'reads'): Promise<void> {
  try {
    const turn = await shares.begin(holder, kind, costMs);
    served.push(holder.name);
    busyMs += costMs;
    shares.end(turn, costMs);
  } catch (error) {
    if (!(error instanceof ProcessorShareError)) throw error;
    refused.push(error);
  }
}

/** Sends requests one after the other, on several connections, for a time. */
async function flood(holder: PermitHolder, connections: number, ms: number): Promise<void> {
  const endsAt = performance.now() + ms;
  const client = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      await send(holder);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const all = Promise.all(Array.from({ length: connections }, client));
  await jest.advanceTimersByTimeAsync(ms + 2_000);
  await all;
}

const countOf = ({ name }: PermitHolder): number => served.filter((other) => other === name).length;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] });
  busyMs = 0;
  served = [];
  refused = [];
  shares = new ProcessorShares(new BusyTime(() => busyMs));
});
afterEach(() => {
  jest.useRealTimers();
});

/** Other callers send a small request now and then. */
function beHonest(): NodeJS.Timeout {
  void send(HONEST, 1);
  return setInterval(() => void send(HONEST, 1), 50);
}

describe('a caller that sends more than its share', () => {
  it('waits while another one is served at once', async () => {
    void send(HONEST);
    const flooding = Array.from({ length: 10 }, () => send(FLOOD));
    const honest = send(HONEST, 1);
    await jest.advanceTimersByTimeAsync(0);
    expect(countOf(HONEST)).toBe(2);
    expect(countOf(FLOOD)).toBeLessThan(5);
    await jest.advanceTimersByTimeAsync(1_000);
    await Promise.all([...flooding, honest]);
    expect(countOf(FLOOD)).toBe(10);
  });

  it.each([
    ['a quarter', 'as a customer', FLOOD, 2_500],
    ['a third', 'where only its address is known', ADDRESS, 3_333],
  ])('gets %s of the processor %s', async (_part, _what, holder, ms) => {
    const timer = beHonest();
    await flood(holder, 8, 10_000);
    clearInterval(timer);
    // Of 10 seconds, and the burst.
    expect(countOf(holder) * COST_MS).toBeGreaterThan(ms - 500);
    expect(countOf(holder) * COST_MS).toBeLessThan(ms + 600);
  });

  it('gets nearly all of it as another authenticated caller', async () => {
    const timer = beHonest();
    await flood(BACKEND, 30, 4_000);
    clearInterval(timer);
    expect(countOf(BACKEND) * COST_MS).toBeGreaterThan(3_000);
  });

  it('is refused after a second, with the time after which to come back', async () => {
    const timer = beHonest();
    await flood(FLOOD, 100, 3_000);
    clearInterval(timer);
    expect(refused.length).toBeGreaterThan(0);
    for (const { retryAfterS } of refused) {
      expect(retryAfterS).toBeGreaterThanOrEqual(1);
      expect(retryAfterS).toBeLessThanOrEqual(15);
    }
  });

  it('is never refused where it sends one request after the other, at any cost of a request', async () => {
    const timer = beHonest();
    const sending = (async () => {
      for (let count = 0; count < 5; count += 1) await send(FLOOD, 2_000);
    })();
    await jest.advanceTimersByTimeAsync(20_000);
    await sending;
    clearInterval(timer);
    expect(countOf(FLOOD)).toBe(5);
    expect(refused).toEqual([]);
  });

  it('does not fill its queue with requests whose clients have left', async () => {
    void send(HONEST);
    let isGone = false;
    const left = Array.from({ length: 2 * MAX_WAITING }, async () =>
      shares.begin(FLOOD, 'reads', COST_MS, () => isGone),
    ).map((turn) => turn.then(null, (error: unknown) => error));
    await Promise.all(left.slice(-MAX_WAITING / 2));
    isGone = true;
    const later = Promise.resolve(shares.begin(FLOOD, 'reads', COST_MS));
    await Promise.all(left);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await later).toHaveProperty('takenMs', COST_MS);
  });

  it('waits for what its requests were found to cost, although nothing shows it before', async () => {
    const timer = beHonest();
    shares.end(await shares.begin(FLOOD, 'reads', 1), 60);
    await jest.advanceTimersByTimeAsync(1_000);
    // The second one would fit into the burst, if it were not for the cost of the first.
    expect(shares.begin(FLOOD, 'reads', 1)).not.toBeInstanceOf(Promise);
    expect(shares.begin(FLOOD, 'reads', 1)).toBeInstanceOf(Promise);
    await jest.advanceTimersByTimeAsync(1_000);
    clearInterval(timer);
  });
});

describe('a caller that is alone', () => {
  it('never waits, and owes nothing when another one comes', async () => {
    for (let count = 0; count < 200; count += 1) {
      const turn = shares.begin(FLOOD, 'reads', COST_MS);
      expect(turn).not.toBeInstanceOf(Promise);
      shares.end(await turn, COST_MS);
    }
    await send(HONEST);
    expect(shares.begin(FLOOD, 'reads', COST_MS)).not.toBeInstanceOf(Promise);
  });

  it('waits while another one has a request in progress, however long ago it came', async () => {
    await shares.begin(HONEST, 'placements', COST_MS);
    await jest.advanceTimersByTimeAsync(5_000);
    void Array.from({ length: 5 }, () => send(FLOOD));
    await jest.advanceTimersByTimeAsync(0);
    expect(countOf(FLOOD)).toBeLessThan(5);
    await jest.advanceTimersByTimeAsync(1_000);
  });
});

it('keeps a bounded number of accounts, and drops idle ones', async () => {
  for (let count = 0; count < 3 * MAX_ACCOUNTS; count += 1)
    shares.end(await shares.begin({ name: `customer:${count}`, isCustomer: true }, 'reads', 0), 0);
  expect(shares.accounts).toBeLessThanOrEqual(2 * MAX_ACCOUNTS);
  for (let minutes = 0; minutes < 3; minutes += 1) {
    await jest.advanceTimersByTimeAsync(61_000);
    await send(HONEST, 0);
  }
  expect(shares.accounts).toBeLessThanOrEqual(2);
});

it('charges all callers together for the busy time of the event loop, at any estimate', async () => {
  const busyTime = new BusyTime(() => busyMs);
  for (let count = 0; count < 100; count += 1) {
    busyMs += 5;
    busyTime.add(50);
    await jest.advanceTimersByTimeAsync(20);
  }
  expect(busyTime.correct(50)).toBeCloseTo(5, 0);
});
