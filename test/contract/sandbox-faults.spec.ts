import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { FaultRule, Faults } from '../../sandbox/faults.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';

const LATE_MS = 100;

let sandbox: Sandbox;
let faults: Faults;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: { inventory: 0 }, services: ['inventory'] });
  faults = sandbox.services.inventory.faults;
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

const stockNow = (): number | undefined => sandbox.stock.find('PROD001')?.quantity;

interface Outcome {
  /** Null when the connection broke before a response. */
  status: number | null;
  /** Null when the response broke off. */
  text: string | null;
  headers: Headers;
  ms: number;
}

async function send(method: string, path: string, init: RequestInit = {}): Promise<Outcome> {
  const startedAt = performance.now();
  const outcome: Outcome = { status: null, text: null, headers: new Headers(), ms: 0 };
  try {
    const response = await fetch(sandbox.urls.inventory + path, { ...init, method });
    outcome.status = response.status;
    outcome.headers = response.headers;
    outcome.text = await response.text();
  } catch {
    // The missing fields of the outcome show how far the response came.
  }
  return { ...outcome, ms: performance.now() - startedAt };
}

function reserve(key?: string, signal: AbortSignal | null = null): Promise<Outcome> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (key !== undefined) headers['idempotency-key'] = key;
  return send('PUT', '/inventory/PROD001/reserve', { headers, body: '{"quantity":1}', signal });
}

function control(method: string, path: string, body?: unknown): Promise<Outcome> {
  const headers = { 'content-type': 'application/json' };
  const init = body === undefined ? {} : { headers, body: JSON.stringify(body) };
  return send(method, `/sandbox/${path}`, init);
}

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200 && !condition(); attempt += 1) await sleep(10);
  expect(condition()).toBe(true);
}

describe('sandbox fault', () => {
  const broken = { status: null, text: null };
  const cases: [FaultRule, Partial<Outcome>, number][] = [
    [{ kind: 'refuse' }, broken, 50],
    [{ kind: 'away' }, broken, 50],
    [{ kind: 'reset' }, broken, 50],
    [{ kind: 'reset', when: 'after' }, broken, 49],
    [{ kind: 'status' }, { status: 503 }, 50],
    [{ kind: 'status', status: 500, when: 'after' }, { status: 500 }, 49],
    [{ kind: 'status', status: 502 }, { status: 502 }, 50],
    [{ kind: 'status', status: 429, when: 'after' }, { status: 429 }, 49],
    [{ kind: 'garbage', when: 'before' }, { status: 200 }, 50],
    [{ kind: 'garbage' }, { status: 200 }, 49],
    [{ kind: 'truncate', when: 'before' }, { text: null }, 50],
    [{ kind: 'truncate' }, { text: null }, 49],
    [{ kind: 'delay', ms: LATE_MS }, { status: 200 }, 49],
    [{ kind: 'delay', ms: LATE_MS, when: 'after' }, { status: 200 }, 49],
    [{ kind: 'hang', ms: LATE_MS }, { status: 200 }, 49],
    [{ kind: 'hang', ms: LATE_MS, when: 'after' }, { status: 200 }, 49],
  ];

  it.each(cases)(
    'disturbs one call and lets its retry take effect once: %j',
    async (rule, expected, quantity) => {
      const id = faults.add({ ...rule, times: 1 });
      const disturbed = await reserve('K1');
      expect(disturbed).toMatchObject(expected);
      expect(stockNow()).toBe(quantity);
      if (rule.ms !== undefined) expect(disturbed.ms).toBeGreaterThan(LATE_MS - 5);
      expect(faults.counts).toEqual({ [rule.kind]: 1 });
      expect(faults.list()).toMatchObject([{ id, seen: 1, injected: 1, active: false }]);
      expect(sandbox.services.inventory.calls.all()).toMatchObject([{ fault: rule.kind }]);
      // A retry with the same key gets the true response, and there has been one effect.
      const repeated = await reserve('K1');
      expect(repeated.status).toBe(200);
      expect(JSON.parse(repeated.text ?? '')).toMatchObject({ remaining_quantity: 49 });
      expect(stockNow()).toBe(49);
    },
  );

  it('of kind garbage returns invalid JSON, and of kind status names the reason', async () => {
    faults.add({ kind: 'garbage', times: 1 });
    expect((await reserve()).text).toMatch(/^<html>/);
    faults.add({ kind: 'status', status: 503, retryAfterSeconds: 2, when: 'after' });
    const refused = await reserve();
    expect(refused.headers.get('retry-after')).toBe('2');
    expect(JSON.parse(refused.text ?? '')).toEqual({ detail: 'A fault rule of the sandbox answers 503' });
  });

  it('applies to reads, refusals and unknown paths, and never to the control calls', async () => {
    faults.add({ kind: 'reset', when: 'after' });
    expect((await send('GET', '/inventory/PROD001')).status).toBeNull();
    expect((await send('GET', '/inventory/NOPE')).status).toBeNull();
    expect((await send('GET', '/nowhere')).status).toBeNull();
    expect((await send('GET', '/sandbox/stock')).status).toBe(200);
  });

  it('of kind delay takes effect although the caller has disconnected', async () => {
    faults.add({ kind: 'delay', ms: LATE_MS, times: 1 });
    expect((await reserve('K1', AbortSignal.timeout(LATE_MS / 2))).status).toBeNull();
    expect(stockNow()).toBe(50);
    await waitUntil(() => stockNow() === 49);
  });

  it('of kind delay lets a retry overtake the call, with one effect', async () => {
    faults.add({ kind: 'delay', ms: LATE_MS, times: 1 });
    const first = reserve('K1');
    await waitUntil(() => faults.held === 1);
    const second = await reserve('K1');
    expect(stockNow()).toBe(49);
    expect((await first).text).toBe(second.text);
    expect(stockNow()).toBe(49);
  });

  it('of kind hang ends when it is released', async () => {
    faults.add({ kind: 'hang' });
    const hanging = [reserve(), reserve()];
    await waitUntil(() => faults.held === 2);
    expect(stockNow()).toBe(50);
    expect(faults.release()).toBe(2);
    expect((await Promise.all(hanging)).map(({ status }) => status)).toEqual([200, 200]);
    expect(stockNow()).toBe(48);
  });

  it('of kind hang is ended by a reset, without an effect', async () => {
    faults.add({ kind: 'hang' });
    const hanging = reserve();
    await waitUntil(() => faults.held === 1);
    sandbox.reset();
    expect((await hanging).status).toBeNull();
    expect(stockNow()).toBe(50);
  });
});

const statuses = async (calls: number): Promise<(number | null)[]> => {
  const seen: (number | null)[] = [];
  for (let count = 0; count < calls; count += 1) seen.push((await send('GET', '/inventory/PROD001')).status);
  return seen;
};

describe('sandbox fault rule', () => {
  it('skips calls, and ends after its number of calls', async () => {
    faults.add({ kind: 'status', skip: 2, times: 2 });
    expect(await statuses(6)).toEqual([200, 200, 503, 503, 200, 200]);
  });

  it('draws the same calls again for the same seed', async () => {
    const drawn: (number | null)[][] = [];
    for (const seed of [7, 7, 8]) {
      faults.clear();
      faults.add({ kind: 'status', probability: 0.5, seed });
      drawn.push(await statuses(40));
    }
    expect(drawn[0]).toEqual(drawn[1]);
    expect(drawn[0]).not.toEqual(drawn[2]);
    const injected = drawn[0]?.filter((status) => status === 503).length ?? 0;
    expect(injected).toBeGreaterThan(8);
    expect(injected).toBeLessThan(32);
  });

  it.each<[FaultRule, boolean]>([
    [{ kind: 'status', path: '/inventory/*' }, false],
    [{ kind: 'status', path: '/inventory/*/reserve' }, true],
    [{ kind: 'status', path: '/inventory/**' }, true],
    [{ kind: 'status', path: '**/reserve' }, true],
    [{ kind: 'status', path: '/inventory.PROD001.reserve' }, false],
    [{ kind: 'status', method: 'put' }, true],
    [{ kind: 'status', method: 'GET' }, false],
  ])('%j matches a reservation: %s', async (rule, applies) => {
    faults.add(rule);
    expect((await reserve()).status).toBe(applies ? 503 : 200);
  });

  it('that was added first takes precedence', async () => {
    faults.add({ kind: 'status', status: 500, times: 1 });
    faults.add({ kind: 'status', status: 502 });
    expect(await statuses(2)).toEqual([500, 502]);
  });

  it('ends after its time', async () => {
    faults.add({ kind: 'away', forMs: LATE_MS });
    expect(await statuses(1)).toEqual([null]);
    await sleep(LATE_MS + 20);
    expect(await statuses(1)).toEqual([200]);
  });

  it('can be added, listed and removed over HTTP', async () => {
    const rule = { kind: 'status', method: 'PUT', status: 502, when: 'after', retry_after_seconds: 1 };
    const added = await control('POST', 'faults', { ...rule, for_ms: 60_000 });
    expect(added.status).toBe(201);
    const id = faults.list()[0]?.id;
    expect(JSON.parse(added.text ?? '')).toEqual({ id });
    expect((await reserve()).status).toBe(502);
    expect(JSON.parse((await control('GET', 'faults')).text ?? '')).toEqual({
      rules: [{ id, ...rule, for_ms: 60_000, seen: 1, injected: 1, active: true }],
      injected: { status: 1 },
      held: 0,
    });
    expect((await control('DELETE', `faults/${id}`)).status).toBe(204);
    expect((await control('DELETE', `faults/${id}`)).status).toBe(404);
    expect((await reserve()).status).toBe(200);
    await control('POST', 'faults', { kind: 'away' });
    expect((await reserve()).status).toBeNull();
    expect((await control('DELETE', 'faults')).status).toBe(204);
    expect((await reserve()).status).toBe(200);
  });

  it('releases hanging calls over HTTP', async () => {
    await control('POST', 'faults', { kind: 'hang', times: 1 });
    const hanging = reserve();
    await waitUntil(() => faults.held === 1);
    expect((await control('POST', 'faults/release')).text).toBe('{"released":1}');
    expect((await hanging).status).toBe(200);
  });

  it.each([
    [{}],
    [{ kind: 'explode' }],
    [{ kind: 'status', status: 200 }],
    [{ kind: 'reset', when: 'later' }],
    [{ kind: 'away', when: 'after' }],
    [{ kind: 'reset', probability: 2 }],
    [{ kind: 'reset', times: 0 }],
    [{ kind: 'reset', forMs: 5 }],
  ])('is rejected when it reads %j', async (rule) => {
    expect((await control('POST', 'faults', rule)).status).toBe(422);
    expect(faults.list()).toEqual([]);
  });
});
