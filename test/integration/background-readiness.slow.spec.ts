import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { parseMetrics, type Sample } from '../support/metrics.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** A loop counts as stalled after 30 s; its statements time out after 15 s each. */
const STANDSTILL_MS = 45_000;

let service: TestService;
let locker: Client;

beforeAll(async () => {
  jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  service = await startTestService();
  locker = new Client({ connectionString: service.database.url });
  await locker.connect();
});

afterAll(async () => {
  await locker.end();
  await service.stop();
  jest.restoreAllMocks();
});

const samples = async (): Promise<Sample[]> =>
  parseMetrics((await service.request('GET', '/metrics')).body as string);

const ready = () => service.request('GET', '/health/ready');

it('GET /health/ready names stalled background loops and returns 503, while the service stays live', async () => {
  expect((await ready()).status).toBe(200);
  // Blocks only the task engine: requests and every other loop continue.
  await locker.query('BEGIN; LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
  const refused = await eventually(async () => {
    const answer = await ready();
    return answer.status === 503 ? answer : undefined;
  }, STANDSTILL_MS);
  const [, loop = ''] = /^Background work stands still: (tasks) \(\d+ s\)/.exec(refused.body.detail) ?? [];
  expect(loop).not.toBe('');
  expect(refused.body.detail).not.toContain('retention');
  expect((await service.request('GET', '/health/live')).status).toBe(200);
  const ages = (await samples()).filter(
    ({ name, labels }) => name === 'background_loop_last_success_age_seconds' && labels['loop'] === loop,
  );
  expect(ages[0]?.value).toBeGreaterThan(30);
  await locker.query('ROLLBACK');
  await eventually(async () => (await ready()).status === 200, 20_000);
}, 120_000);

it('every running background loop reports its age', async () => {
  const loops = (await samples())
    .filter(({ name }) => name === 'background_loop_last_success_age_seconds')
    .map(({ labels }) => labels['loop'] ?? '');
  expect(loops.toSorted((one, other) => one.localeCompare(other))).toEqual([
    'address_upkeep',
    'database_clock',
    'events',
    'retention',
    'search_index',
    'tasks',
    'webhook_removal',
    'webhooks',
  ]);
});
