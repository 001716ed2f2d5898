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

/** The tries whether it is back, of which there is one a second, and what was under way when it was given up. */
const MORE_CALLS = 20;

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());
afterEach(() => endFaults(service.sandbox));

it('a hundred orders cost a dead inventory few calls, and it is used again once it is back', async () => {
  // Failures of one product alone are no evidence against the inventory.
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
