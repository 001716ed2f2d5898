import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { API_KEYS, knownCallers } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { parseMetrics, sumOf } from '../support/metrics.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
let issuer: TestIssuer;
let callers: Awaited<ReturnType<typeof knownCallers>>;

beforeAll(async () => {
  issuer = await TestIssuer.start();
  service = await startTestService({ settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS } });
  callers = await knownCallers(issuer);
});
afterAll(async () => {
  await service.stop();
  await issuer.close();
});

/** Number of requests that waited for the processor-time share of their caller. */
const waits = async (kind: string): Promise<number> => {
  const text = String((await service.request('GET', '/metrics', undefined, callers.operator)).body);
  return sumOf(parseMetrics(text), 'processor_share_wait_seconds_count', { kind });
};

describe('processor-time share', () => {
  it('of one customer with expensive requests leaves time for other callers', async () => {
    const items = Array.from({ length: 30_001 }, () => ({}));
    let open = 24;
    const flood = Array.from({ length: open }, async () => {
      const { status } = await service.request('POST', '/orders', { items }, callers.customer);
      open -= 1;
      return status;
    });
    await eventually(async () => (await waits('placements')) > 0);
    // Requests of another caller are served in between.
    expect(open).toBeGreaterThan(0);
    const answers = await Promise.all(flood);
    expect(answers.filter((status) => ![400, 429].includes(status))).toEqual([]);
  });

  it('of requests with invalid credentials is limited for all of them together', async () => {
    const honest = setInterval(
      () => void service.request('GET', '/caller', undefined, callers.operator).catch(() => undefined),
      20,
    );
    const flood = Array.from({ length: 100 }, async () => {
      for (let count = 0; count < 5; count += 1) {
        const { status } = await service.request('GET', '/orders', undefined, { 'x-api-key': 'wrong' });
        expect(status).toBe(401);
      }
    });
    await Promise.all(flood).finally(() => clearInterval(honest));
    expect(await waits('refused')).toBeGreaterThan(0);
  });
});
