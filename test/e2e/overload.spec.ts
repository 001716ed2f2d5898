import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import {
  callsTo,
  countRows,
  endFaults,
  expectProblem,
  line,
  newProduct,
  orderBody,
  stockOf,
} from '../support/builders.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

const POOL_SIZE = 2;

/** All requests come from one address, which may have seven eighths of the permits: see docs/reference/limits.md. */
const MAX_PLACEMENTS = 3;
const MAX_READS = Math.floor((POOL_SIZE * 10 * 7) / 8);

let service: TestService;

beforeAll(async () => {
  const settings = { MAX_PLACEMENTS: String(MAX_PLACEMENTS + 1), DATABASE_POOL_SIZE: String(POOL_SIZE) };
  service = await startTestService({ settings });
});
afterAll(() => service.stop());
afterEach(() => endFaults(service.sandbox));

/** Sends many requests at the same time and records the responses in order of arrival. */
function sendAtOnce(
  count: number,
  request: () => Promise<TestResponse>,
): { answers: TestResponse[]; all: Promise<unknown> } {
  const answers: TestResponse[] = [];
  const all = Promise.all(
    Array.from({ length: count }, () => request().then((answer) => answers.push(answer))),
  );
  return { answers, all };
}

function expectRefused(answers: readonly TestResponse[]): void {
  for (const answer of answers) {
    expectProblem(answer, 503);
    expect(answer.body.type).toBe('/problems/overloaded');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
}

it('rejects orders beyond the limit without an effect, while admitted orders complete', async () => {
  // Each order is for another product, since orders for the same product share the lookup.
  const products = Array.from({ length: 20 }, () => newProduct(service.sandbox, 100));
  const { faults } = service.sandbox.services.inventory;
  const before = await countRows(service.database);
  const calls = callsTo(service.sandbox).length;
  faults.add({ kind: 'hang', method: 'GET' });
  const toOrder = products.values();
  const { answers, all } = sendAtOnce(20, () =>
    service.request('POST', '/orders', orderBody([line(toOrder.next().value ?? '')])),
  );
  // All others are answered while the admitted orders are blocked.
  await eventually(() => answers.length + faults.held === 20);
  const admitted = faults.held;
  // On a busy machine fewer orders than the limit are admitted, but always some.
  expect(admitted).toBeGreaterThan(0);
  expect(admitted).toBeLessThanOrEqual(MAX_PLACEMENTS);
  expectRefused(answers);
  expect(callsTo(service.sandbox).length - calls).toBe(admitted);
  // Requests that need no upstream service are not affected.
  expect((await service.request('GET', '/orders?limit=1')).status).toBe(200);
  expect((await service.request('GET', '/health/ready')).status).toBe(200);
  faults.clear();
  faults.release();
  await all;
  expect(answers.slice(-admitted).every((answer) => answer.status === 201)).toBe(true);
  const taken = products.map((product) => 100 - (stockOf(service.sandbox, product) ?? 0));
  expect(taken.reduce((sum, units) => sum + units, 0)).toBe(admitted);
  const after = await countRows(service.database);
  expect((after['orders'] ?? 0) - (before['orders'] ?? 0)).toBe(admitted);
});

it('returns all permits, however the orders have ended', async () => {
  const { faults } = service.sandbox.services.inventory;
  const order = orderBody([line(newProduct(service.sandbox))]);
  for (let time = 0; time < MAX_PLACEMENTS; time += 1) {
    faults.add({ kind: 'status', status: 500, method: 'GET', times: 3 });
    expectProblem(await service.request('POST', '/orders', order), 503);
    expectProblem(await service.request('POST', '/orders', {}), 400);
    await endFaults(service.sandbox);
  }
  // Takes all permits at once, with another product each; a busy moment with fewer permits passes.
  const products = Array.from({ length: MAX_PLACEMENTS }, () => newProduct(service.sandbox, 100));
  await eventually(async () => {
    faults.add({ kind: 'hang', method: 'GET' });
    const toOrder = products.values();
    const { answers, all } = sendAtOnce(MAX_PLACEMENTS, () =>
      service.request('POST', '/orders', orderBody([line(toOrder.next().value ?? '')])),
    );
    await eventually(() => answers.length + faults.held === MAX_PLACEMENTS);
    const admitted = faults.held;
    faults.clear();
    faults.release();
    await all;
    return admitted === MAX_PLACEMENTS && answers.every((answer) => answer.status === 201);
  });
});

it('rejects reads beyond the limit while the database blocks the others', async () => {
  const lock = new Client({ connectionString: service.database.url });
  await lock.connect();
  try {
    await lock.query('BEGIN');
    await lock.query('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    const { answers, all } = sendAtOnce(50, () => service.request('GET', '/orders?limit=1'));
    await eventually(() => answers.length === 50 - MAX_READS);
    expectRefused(answers);
    expect((await service.request('GET', '/health/live')).status).toBe(200);
    await lock.query('COMMIT');
    await all;
    expect(answers.slice(-MAX_READS).every((answer) => answer.status === 200)).toBe(true);
  } finally {
    await lock.end();
  }
});
