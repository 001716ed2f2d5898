import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  isReplay,
  line,
  newProduct,
  orderBody,
  placeWithKey,
  selectRows,
  setStock,
} from '../support/builders.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

/** Upper bound in bytes of JSON for a stored problem or event, for any order. */
const MAX_STORED_BYTES = 4_096;

const LINES = 100;

/** As many distinct products as an order may have lines, with ids of the maximum length, three bytes a character. */
const LONG_IDS = Array.from({ length: LINES }, (_, index) => `${'品'.repeat(124)}${1000 + index}`);

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Entries of a list of the problem, including omitted ones. */
function countOf({ body }: TestResponse, list: string): number {
  const omitted = (body['omitted'] ?? {}) as Record<string, number>;
  return (body[list] as unknown[]).length + (omitted[list] ?? 0);
}

async function expectStoredAndReplayed(key: string, body: unknown, list: string): Promise<TestResponse> {
  const first = await placeWithKey(service, key, body);
  expect(countOf(first, list)).toBe(LINES);
  expect(bytesOf(first.body)).toBeLessThanOrEqual(MAX_STORED_BYTES);
  const rows = await selectRows<{ body: unknown }>(
    service.database,
    'SELECT response_body AS body FROM idempotency_keys WHERE key = $1',
    [key],
  );
  expect(rows).toEqual([{ body: first.body }]);
  const second = await placeWithKey(service, key, body);
  expect(isReplay(second)).toBe(true);
  expect(second.body).toEqual(first.body);
  return first;
}

describe('stored problem response', () => {
  it('for unknown products stays below 4 kB and counts what it omits', async () => {
    const { status, body } = await expectStoredAndReplayed(
      'stored-unknown',
      orderBody(LONG_IDS.map((id) => line(id))),
      'shortages',
    );
    expect(status).toBe(400);
    expect((body['shortages'] as unknown[]).length).toBeGreaterThan(3);
  });

  it('for changed prices stays below 4 kB', async () => {
    for (const id of LONG_IDS) setStock(service.sandbox, id, 5);
    const items = LONG_IDS.map((id) => line(id, 1, 9));
    const answer = await expectStoredAndReplayed('stored-prices', orderBody(items), 'differences');
    expect(answer.status).toBe(409);
    expect(countOf(answer, 'lines')).toBe(LINES);
  });

  it('with few lines omits nothing', async () => {
    const items = Array.from({ length: 10 }, () => line(newProduct(service.sandbox, 0)));
    const { body } = await placeWithKey(service, 'stored-few', orderBody(items));
    expect(body['shortages']).toHaveLength(10);
    expect(body).not.toHaveProperty('omitted');
  });
});

it('events of an order that is rejected asynchronously stay below 4 kB each', async () => {
  const ids = LONG_IDS.map((id) => `x${id.slice(1)}`);
  const headers = { prefer: 'respond-async', 'idempotency-key': 'stored-later' };
  const order = orderBody(ids.map((id) => line(id)));
  const accepted = await service.request('POST', '/orders', order, headers);
  expect(accepted.status).toBe(202);
  const id = String(accepted.body['order_id']);
  await eventually(async () => {
    const { body } = await service.request('GET', `/orders/${id}`);
    return body['status'] === 'rejected';
  });
  const { body } = await service.request('GET', `/orders/${id}/events`);
  for (const event of body['events'] as { data: unknown; reason: string | null }[]) {
    expect(bytesOf([event.data, event.reason])).toBeLessThanOrEqual(MAX_STORED_BYTES);
  }
  const replay = await service.request('POST', '/orders', order, headers);
  expect(replay.status).toBe(400);
  expect(countOf(replay, 'shortages')).toBe(LINES);
  expect(bytesOf(replay.body)).toBeLessThanOrEqual(MAX_STORED_BYTES);
});
