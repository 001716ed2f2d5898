import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { MIN_ATTEMPTS, RESET_MS } from '../../platform/upstream/upstream-circuit.js';
import { Endpoint, type EndpointConfiguration } from './endpoint.js';
import type { AttemptResult } from './webhook-client.js';

const HOUR_MS = 3_600_000;

const configuration: EndpointConfiguration = {
  id: '01a20081-e5b1-711a-9ca1-5d87e9bb00d7',
  url: 'https://example.com',
  state: 'enabled',
  secrets: [],
  updatedAt: new Date(0),
};

let endpoint: Endpoint;
let orders = 0;

beforeEach(() => {
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  jest.useFakeTimers();
  endpoint = new Endpoint(configuration);
});
afterEach(() => {
  endpoint.close();
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const answer = (status: number, retryAfterMs?: number): AttemptResult => ({
  status,
  durationMs: 1,
  answer: null,
  error: status < 300 ? null : `answered ${status}`,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});

/** An attempt at an event of another order. @returns the status, if it was made */
const attempt = async (status: number, retryAfterMs?: number): Promise<number | null | undefined> =>
  (await endpoint.attempt(`order ${(orders += 1)}`, async () => answer(status, retryAfterMs)))?.status;

const change = (values: Partial<EndpointConfiguration> = {}): void =>
  endpoint.apply({ ...endpoint.configuration, updatedAt: new Date(), ...values });

/** Opens the circuit. */
const open = async (): Promise<void> => {
  for (let made = 0; made < MIN_ATTEMPTS; made += 1) await attempt(500);
  expect(endpoint.room).toBe(0);
};

/** Two minutes without a success. */
const outage = async (): Promise<void> => {
  await attempt(500);
  jest.advanceTimersByTime(120_000);
  await attempt(200);
};

/** An attempt that asks for a rest. */
const askForRest = async (retryAfterMs: number) =>
  endpoint.attempt('order', async () => answer(429, retryAfterMs));

describe('an endpoint that asks for a rest', () => {
  it.each([429, 503])('by %s with Retry-After is not called before the time is over', async (status) => {
    await attempt(status, HOUR_MS);
    expect(endpoint.room).toBe(0);
    expect(await attempt(200)).toBeUndefined();
    jest.advanceTimersByTime(HOUR_MS - 1_000);
    expect(await attempt(200)).toBeUndefined();
    jest.advanceTimersByTime(1_000);
    expect(endpoint.room).toBe(Infinity);
    expect(await attempt(200)).toBe(200);
  });

  it('rests for a day at most', async () => {
    await attempt(503, 30 * 24 * HOUR_MS);
    jest.advanceTimersByTime(24 * HOUR_MS);
    expect(await attempt(200)).toBe(200);
  });

  it('rests for the longest time that one of its answers names', async () => {
    await Promise.all([askForRest(HOUR_MS), askForRest(60_000)]);
    jest.advanceTimersByTime(60_000);
    expect(endpoint.room).toBe(0);
  });

  it('is called again after a change by a person', async () => {
    await attempt(503, HOUR_MS);
    endpoint.apply({ ...configuration });
    expect(endpoint.room).toBe(0);
    change();
    expect(await attempt(200)).toBe(200);
  });

  it('by another status rests with the one event only', async () => {
    await attempt(500, HOUR_MS);
    expect(await attempt(200)).toBe(200);
  });
});

describe('an endpoint whose circuit is open', () => {
  it('is tried by one call, and makes no other attempt beside it', async () => {
    await open();
    expect(await attempt(200)).toBeUndefined();
    jest.advanceTimersByTime(RESET_MS);
    expect(endpoint.room).toBe(1);
    const probe = Promise.withResolvers<AttemptResult>();
    const probed = endpoint.attempt('order', () => probe.promise);
    expect(endpoint.room).toBe(0);
    expect(await attempt(200)).toBeUndefined();
    probe.resolve(answer(200));
    expect((await probed)?.status).toBe(200);
    expect(endpoint.room).toBe(Infinity);
  });
});

describe('waiting deliveries are made due', () => {
  it('after a change by a person, once the endpoint is enabled', () => {
    change({ state: 'disabled' });
    expect(endpoint.wantsHurry).toBe(false);
    change({ state: 'enabled' });
    expect(endpoint.wantsHurry).toBe(true);
    endpoint.noteHurry();
    expect(endpoint.wantsHurry).toBe(false);
    endpoint.apply({ ...endpoint.configuration });
    expect(endpoint.wantsHurry).toBe(false);
  });

  it('after the first success that follows a long outage', async () => {
    await attempt(500);
    jest.advanceTimersByTime(30_000);
    await attempt(502);
    jest.advanceTimersByTime(30_000);
    expect(endpoint.wantsHurry).toBe(false);
    await attempt(200);
    expect(endpoint.wantsHurry).toBe(true);
  });

  it('not after a short outage, and not for an event that alone is refused', async () => {
    await attempt(500);
    jest.advanceTimersByTime(50_000);
    await attempt(200);
    await attempt(400);
    jest.advanceTimersByTime(HOUR_MS);
    await attempt(200);
    expect(endpoint.wantsHurry).toBe(false);
  });

  it('once an hour at most, as long as no person changes the endpoint', async () => {
    await outage();
    endpoint.noteHurry();
    await outage();
    expect(endpoint.wantsHurry).toBe(false);
    jest.advanceTimersByTime(HOUR_MS);
    expect(endpoint.wantsHurry).toBe(true);
    endpoint.noteHurry();
    change();
    expect(endpoint.wantsHurry).toBe(true);
  });
});
