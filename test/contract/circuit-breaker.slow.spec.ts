import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Deadline } from '../../src/platform/deadline.js';
import { MIN_ATTEMPTS, upstreamStates } from '../../src/platform/upstream/upstream-circuit.js';
import type { UpstreamRequest } from '../../src/platform/upstream/upstream-client.js';
import { MAX_ATTEMPTS } from '../../src/platform/upstream/upstream-retry.js';
import { runInContext, newRequestContext } from '../../src/platform/telemetry/request-context.js';
import { eventually } from '../support/service.js';
import { cleanUp, clientFor, faultOf, json, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 200;

/** Upper bound for trial calls after the circuit has opened. */
const TRIES = 10;

/** How a service fails. */
const FAILURES: [string, (response: ServerResponse) => void][] = [
  ['answers 500', (response) => json(response, 500, { detail: 'broken' })],
  ['answers 503', (response) => json(response, 503, { detail: 'broken' })],
  ['closes the connection', (response) => response.destroy()],
  ['does not answer', () => undefined],
];

let warnings: ReturnType<typeof jest.spyOn>;
let news: ReturnType<typeof jest.spyOn>;

beforeEach(() => {
  warnings = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  news = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await cleanUp();
});

let things = 0;

/** Names a different resource each time, because failures of one resource alone do not open the circuit. */
function get(changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  const path = ['things', String((things += 1))];
  return { method: 'GET', path, deadline: Deadline.in(5_000), idempotent: true, ...changes };
}

/** Not idempotent, so that each call is one attempt. */
function once(): UpstreamRequest {
  return get({ method: 'PUT', body: {}, idempotent: false });
}

function state(): string | undefined {
  return upstreamStates().find(({ upstream }) => upstream === 'test service')?.state;
}

describe.each(FAILURES)('circuit breaker when the service %s', (_name, fail) => {
  it('makes few of a hundred calls, and fails the others as not sent', async () => {
    const upstream = await startUpstream((_request, response) => fail(response));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    const kinds: string[] = [];
    for (let count = 0; count < 100; count += 1) kinds.push((await faultOf(client.request(once()))).kind);
    expect(upstream.calls.length).toBeGreaterThanOrEqual(MIN_ATTEMPTS);
    expect(upstream.calls.length).toBeLessThanOrEqual(MIN_ATTEMPTS + TRIES);
    expect(kinds.filter((kind) => kind !== 'not_sent').length).toBe(upstream.calls.length);
    expect(state()).toBe('open');
  });
});

describe('circuit breaker', () => {
  it('opens when connections are refused', async () => {
    const upstream = await startUpstream(() => undefined);
    await upstream.close();
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < MIN_ATTEMPTS; count += 1) await faultOf(client.request(get()));
    expect(state()).toBe('open');
    expect((await faultOf(client.request(get()))).message).toContain('is not asked for now');
  });

  it.each([301, 307, 400, 404, 409, 422, 429])('stays closed when the service returns %i', async (status) => {
    const upstream = await startUpstream((_request, response) => json(response, status, { detail: 'no' }));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 3 * MIN_ATTEMPTS; count += 1) {
      await client.request(once()).catch(() => undefined);
    }
    expect(upstream.calls).toHaveLength(3 * MIN_ATTEMPTS);
    expect(state()).toBe('closed');
  });

  it('stays closed for responses that are not valid', async () => {
    const upstream = await startUpstream((_request, response) => response.end('<html>'));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 3 * MIN_ATTEMPTS; count += 1) await faultOf(client.request(once()));
    expect(state()).toBe('closed');
  });

  it('stays closed when only one resource fails with 500, so that calls about others pass', async () => {
    const upstream = await startUpstream((request, response) =>
      json(response, request.url === '/things/broken' ? 500 : 200, {}),
    );
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    const broken = { ...once(), path: ['things', 'broken'] };
    for (let count = 0; count < 3 * MIN_ATTEMPTS; count += 1) await faultOf(client.request(broken));
    expect(state()).toBe('closed');
    expect((await client.request(once())).status).toBe(200);
  });

  it('stays closed for failures of one caller while the calls of others succeed', async () => {
    const upstream = await startUpstream((request, response) =>
      json(response, request.url?.endsWith('/bad') ? 500 : 200, {}),
    );
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    const call = (caller: string, request: UpstreamRequest) =>
      runInContext({ work: { ...newRequestContext(), caller }, trace: undefined }, () =>
        client.request(request),
      );
    await call('key:shop', once());
    for (let count = 0; count < 3 * MIN_ATTEMPTS; count += 1) {
      const path = ['things', String(count), 'bad'];
      await faultOf(call('key:attacker', { ...once(), path }));
    }
    expect(state()).toBe('closed');
    expect((await call('key:shop', once())).status).toBe(200);
    // The same failures for a second caller are an outage.
    for (let count = 0; count < 5 * MIN_ATTEMPTS; count += 1) {
      await faultOf(call('key:shop', { ...once(), path: ['things', String(count), 'bad'] }));
    }
    expect(state()).toBe('open');
  });

  it('stays closed while most calls succeed', async () => {
    const upstream = await startUpstream((_request, response, call) =>
      json(response, call % 3 === 0 ? 500 : 200, {}),
    );
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 30; count += 1) await client.request(once()).catch(() => undefined);
    expect(upstream.calls).toHaveLength(30);
    expect(state()).toBe('closed');
  });

  it('closes after one successful trial call, and logs each change once', async () => {
    let isBroken = true;
    const upstream = await startUpstream((_request, response) => json(response, isBroken ? 500 : 200, {}));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 2 * MIN_ATTEMPTS; count += 1) await faultOf(client.request(once()));
    // A failed trial call is not logged again.
    const calls = upstream.calls.length;
    await eventually(async () => {
      await faultOf(client.request(once()));
      return upstream.calls.length > calls;
    });
    expect(warnings).toHaveBeenCalledTimes(1);
    isBroken = false;
    await eventually(() => state() === 'half_open');
    const tries = upstream.calls.length;
    const answers = await Promise.allSettled([client.request(once()), client.request(once())]);
    expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'rejected']);
    expect(upstream.calls).toHaveLength(tries + 1);
    expect(state()).toBe('closed');
    expect((await client.request(once())).status).toBe(200);
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(news).toHaveBeenCalledTimes(1);
  });

  it('never reports a call as not sent when an earlier attempt may have arrived', async () => {
    const upstream = await startUpstream((_request, response, call) =>
      call < MIN_ATTEMPTS ? json(response, 500, {}) : undefined,
    );
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 1; count < MIN_ATTEMPTS; count += 1) await faultOf(client.request(once()));
    // Its first attempt times out and opens the circuit, which rejects the second attempt.
    const fault = await faultOf(client.request(get({ method: 'PUT', body: {}, idempotent: true })));
    expect(state()).toBe('open');
    expect(upstream.calls).toHaveLength(MIN_ATTEMPTS);
    expect(fault.kind).toBe('timeout');
  });

  it('does not retry a call that it has rejected', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 500, {}));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < MIN_ATTEMPTS; count += 1) await faultOf(client.request(get()));
    expect(upstream.calls.length).toBeLessThanOrEqual(MIN_ATTEMPTS + MAX_ATTEMPTS);
  });
});
