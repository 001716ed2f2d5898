import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  line,
  orderBody,
  placeOrder,
  restoreUpstreams,
  selectRows,
} from '../support/builders.js';
import { parseMetrics, type Sample, sumOf } from '../support/metrics.js';
import { freePort } from '../support/free-port.js';
import { addPlacementTask } from '../support/placement-tasks.js';
import { eventually, send, startTestService, type TestService } from '../support/service.js';

let service: TestService;

async function scrape(): Promise<Sample[]> {
  const { status, body } = await service.request('GET', '/metrics');
  expect(status).toBe(200);
  return parseMetrics(String(body));
}

/** Increase of a counter, whose samples may not all exist before. */
async function growthOf(
  name: string,
  labels: Record<string, string>,
  doing: () => Promise<unknown>,
): Promise<number> {
  const before = sumOf(await scrape(), name, labels);
  await doing();
  return sumOf(await scrape(), name, labels) - before;
}

beforeAll(async () => {
  service = await startTestService();
});

afterAll(async () => {
  await service?.stop();
});

beforeEach(() => clearFaults(service.sandbox));

describe('request metrics', () => {
  it('are labelled with the route pattern and the status', async () => {
    const labels = { method: 'GET', route: '/orders/:id', status: '404' };
    const growth = await growthOf('http_request_duration_seconds_count', labels, async () => {
      await service.request('GET', '/orders/unknown');
      await service.request('GET', '/orders/alice%40example.com');
    });
    expect(growth).toBe(2);
  });

  it('have one series for all unknown paths', async () => {
    for (let n = 0; n < 20; n += 1) await service.request(n % 2 ? 'GET' : 'PUT', `/nowhere/${n}`);
    const samples = await scrape();
    const routes = new Set(
      samples.filter(({ labels }) => labels['route']).map(({ labels }) => labels['route']),
    );
    expect([...routes].filter((route) => route?.includes('nowhere'))).toEqual([]);
    const labels = { route: 'unmatched', method: 'any', status: '404' };
    expect(sumOf(samples, 'http_request_duration_seconds_count', labels)).toBe(20);
  });
});

describe('upstream metrics', () => {
  it('count calls by outcome', async () => {
    const ok = { upstream: 'inventory service', method: 'PUT', outcome: '2xx' };
    expect(
      await growthOf('upstream_request_duration_seconds_count', ok, () =>
        placeOrder(service, orderBody([line('PROD001'), line('PROD002')])),
      ),
    ).toBe(2);
    const fault = { upstream: 'inventory service', method: 'GET', outcome: '5xx' };
    service.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, times: 1 });
    expect(await growthOf('upstream_request_duration_seconds_count', fault, () => placeOrder(service))).toBe(
      1,
    );
  });

  it('show an open circuit and the calls that it rejects', async () => {
    service.sandbox.services.inventory.faults.add({ kind: 'reset' });
    const labels = { upstream: 'inventory service' };
    let count = 0;
    await eventually(async () => {
      // Failures of one product alone do not open the circuit.
      await service.request('POST', '/orders', orderBody([line(`product-${(count += 1)}`)]));
      return sumOf(await scrape(), 'upstream_requests_turned_away_total', labels) > 0;
    });
    const name = 'upstream_circuit_state';
    expect(sumOf(await scrape(), name, { ...labels, state: 'closed' })).toBe(0);
    expect(sumOf(await scrape(), name, labels)).toBe(1);
    await restoreUpstreams(service, service.sandbox);
    expect(sumOf(await scrape(), name, { ...labels, state: 'closed' })).toBe(1);
  });
});

describe('order metrics', () => {
  it.each<[outcome: string, reason: string, body: unknown, headers?: Record<string, string>]>([
    ['confirmed', '', orderBody()],
    ['accepted', '', orderBody(), { prefer: 'respond-async' }],
    ['rejected', 'unknown-product', orderBody([line('no-such-product')])],
    ['rejected', 'insufficient-stock', orderBody([line('PROD001', 100_000)])],
    ['rejected', 'price-changed', orderBody([line('PROD001', 1, 1)])],
  ])('count an order as %s (%s)', async (outcome, reason, body, headers = {}) => {
    const name = 'order_placements_total';
    const growth = await growthOf(name, { outcome, reason }, () =>
      service.request('POST', '/orders', body, headers),
    );
    expect(growth).toBe(1);
  });

  it('count "failed" when the inventory is away, and "unsettled" when the outcome is unknown', async () => {
    const { faults } = service.sandbox.services.inventory;
    const place = (headers?: Record<string, string>) =>
      service.request('POST', '/orders', orderBody(), headers);
    faults.add({ kind: 'status', status: 500, method: 'GET', times: 3 });
    const failed = { outcome: 'failed', reason: 'upstream-unavailable' };
    expect(await growthOf('order_placements_total', failed, () => place())).toBe(1);
    await restoreUpstreams(service, service.sandbox);
    faults.add({ kind: 'status', status: 500, method: 'PUT', times: 3 });
    const unsettled = { outcome: 'unsettled', reason: 'placement-unsettled' };
    const key = { 'idempotency-key': 'unsettled-for-the-metrics' };
    const recovered = await growthOf('order_recoveries_total', { result: 'confirmed' }, async () => {
      expect(await growthOf('order_placements_total', unsettled, () => place(key))).toBe(1);
      await eventually(async () => (await place(key)).status === 201);
    });
    // Either the repeated request or recovery resumes the order, whichever is first.
    expect(recovered).toBeLessThanOrEqual(1);
    await restoreUpstreams(service, service.sandbox);
  });

  it('count one order for repeated requests with the same key', async () => {
    const key = { 'idempotency-key': 'once-for-the-metrics' };
    const growth = await growthOf('order_placements_total', {}, async () => {
      for (let n = 0; n < 3; n += 1) await service.request('POST', '/orders', orderBody(), key);
    });
    expect(growth).toBe(1);
  });

  it('count each change of status', async () => {
    let id = '';
    expect(
      await growthOf('order_status_changes_total', { from: 'pending', to: 'confirmed' }, async () => {
        id = await placeOrder(service);
      }),
    ).toBe(1);
    const cancel = () => service.request('PUT', `/orders/${id}`, { status: 'cancelled' });
    const labels = { from: 'confirmed', to: 'cancelled' };
    expect(await growthOf('order_status_changes_total', labels, cancel)).toBe(1);
    expect(await growthOf('order_status_changes_total', labels, cancel)).toBe(0);
  });

  it('count a recovered order by its outcome', async () => {
    const id = await placeOrder(service);
    const labels = { result: 'taken_back' };
    const growth = await growthOf('order_recoveries_total', labels, async () => {
      // As left by a process that died after it had stored the order, longer ago than the recovery window.
      await selectRows(
        service.database,
        `UPDATE orders SET status = 'pending', version = 1, placed_at = now() - interval '1 day' WHERE id = $1`,
        [id],
      );
      await selectRows(service.database, 'DELETE FROM order_events WHERE order_id = $1 AND seq > 1', [id]);
      await addPlacementTask(service.database, id);
      await eventually(async () => (await service.request('GET', `/orders/${id}`)).body.status === 'failed');
    });
    expect(growth).toBe(1);
  });
});

describe('operational metrics', () => {
  it('cover pending orders, jobs, the event loop, memory and the database', async () => {
    await placeOrder(service);
    await eventually(async () => sumOf(await scrape(), 'job_attempt_duration_seconds_count') > 0);
    const samples = await scrape();
    const names = new Set(samples.map(({ name }) => name));
    for (const name of [
      'orders_pending_oldest_age_seconds',
      'orders_to_recover',
      'jobs_waiting',
      'nodejs_eventloop_lag_p99_seconds',
      'process_resident_memory_bytes',
    ]) {
      expect(names).toContain(name);
    }
    expect(sumOf(samples, 'database_metrics_available')).toBe(1);
    expect(sumOf(samples, 'database_pool_limit')).toBe(10);
    expect(sumOf(samples, 'database_pool_connections')).toBeGreaterThan(0);
    expect(sumOf(samples, 'order_service_build_info', { node: process.version })).toBe(1);
  });
});

describe('METRICS_PORT', () => {
  it('serves metrics only, and the API port serves none', async () => {
    const port = await freePort();
    const settings = { METRICS_PORT: String(port) };
    const apart = await startTestService({ settings, beside: service });
    try {
      const own = `http://127.0.0.1:${port}`;
      const answer = await send(`${own}/metrics`, 'GET');
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toContain('text/plain');
      expect(sumOf(parseMetrics(String(answer.body)), 'order_service_build_info')).toBe(1);
      // The OpenAPI document does not describe this port.
      expect((await fetch(`${own}/orders`)).status).toBe(404);
      expect((await send(`${own}/metrics`, 'POST')).status).toBe(405);
      expect((await apart.request('GET', '/metrics')).status).toBe(404);
    } finally {
      await apart.stop();
    }
    await expect(send(`http://127.0.0.1:${port}/metrics`, 'GET')).rejects.toThrow('fetch failed');
  });
});
