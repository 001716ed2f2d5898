import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { MIN_ATTEMPTS } from '../../src/platform/upstream/upstream-circuit.js';
import {
  callsTo,
  clearFaults,
  countRows,
  endFaults,
  expectProblem,
  newProduct,
  line,
  orderBody,
} from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Upper bound for calls after the circuit opens: one trial call a second, and those already in progress. */
const MORE_CALLS = 20;

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());
afterEach(() => endFaults(service.sandbox));

it('opens the circuit after few of a hundred orders, and closes it when the inventory is back', async () => {
  // Failures of one product alone do not open the circuit.
  const orders = Array.from({ length: 10 }, () => orderBody([line(newProduct(service.sandbox))]));
  const rows = await countRows(service.database);
  service.sandbox.services.inventory.faults.add({ kind: 'away' });
  const before = callsTo(service.sandbox, 'inventory').length;
  for (let count = 0; count < 100; count += 1) {
    const answer = await service.request('POST', '/orders', orders[count % orders.length]);
    expectProblem(answer, 503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  const calls = callsTo(service.sandbox, 'inventory').length - before;
  expect(calls).toBeGreaterThanOrEqual(MIN_ATTEMPTS);
  expect(calls).toBeLessThanOrEqual(MIN_ATTEMPTS + MORE_CALLS);
  expect(await countRows(service.database)).toEqual(rows);
  clearFaults(service.sandbox);
  await eventually(async () => (await service.request('POST', '/orders', orders[0])).status === 201);
});
