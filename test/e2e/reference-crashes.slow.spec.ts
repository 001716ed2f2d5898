import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PausePoint } from '../../src/pause-points/pause-points.js';
import { PauseServer } from '../faults/world/pause-server.js';
import {
  line,
  newProduct,
  orderBody,
  startFleet,
  statusesOfOrdersOf,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { newReference } from '../support/details.js';
import { startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings, type TestService } from '../support/service.js';

/** A lease of 2.2 s; due placements are resumed at once. */
const SHORT = { UPSTREAM_TIMEOUT_MS: '400', REQUEST_DEADLINE_MS: '1200', RECOVERY_INTERVAL_MS: '100' };

const CRASH_TIMEOUT_MS = 60_000;

let fleet: TestFleet;
let service: TestService;

beforeAll(async () => {
  fleet = await startFleet(1, () => SHORT);
  [service] = fleet.services as [TestService];
});
afterAll(() => fleet.stop());

/** Sends a request to a process of its own, which is killed at the point. */
async function crash(point: PausePoint, body: object, headers: Record<string, string>): Promise<void> {
  const pauses = await PauseServer.start();
  const settings = { ...testSettings(fleet.sandbox, fleet.database.url), ...SHORT };
  const other = await startServiceProcess({ ...settings, PAUSE_POINTS_URL: pauses.url });
  const reached = new Promise<void>((resolve, reject) => {
    pauses.set(other.pid, { point, spring: () => other.end('SIGKILL').then(() => resolve(), reject) });
  });
  const response = send(`${other.url}/orders`, 'POST', body, headers).catch(() => undefined);
  await reached;
  await response;
  await pauses.close();
}

const POINTS: PausePoint[] = [
  'placement.before-accept',
  'placement.after-accept',
  'inventory.after-reserve',
  'placement.before-settle',
  'placement.after-settle',
  'placement.before-answer',
];

describe.each([
  ['without a key', () => ({})],
  ['with a key that is new each time', (attempt: number) => ({ 'idempotency-key': `crash-${attempt}` })],
])('a reference whose process dies, %s', (_kind, headersFor: (attempt: number) => Record<string, string>) => {
  it.each(POINTS)(
    'is one order after a crash at %s',
    async (point) => {
      const product = newProduct(fleet.sandbox);
      const body = { ...orderBody([line(product, 2)]), ...newReference() };
      let attempt = Math.random();
      await crash(point, body, headersFor(attempt));
      const placed = await eventually(async () => {
        attempt += 1;
        const answer = await service.request('POST', '/orders', body, headersFor(attempt));
        return answer.status === 201 ? answer : undefined;
      });
      expect((await service.request('POST', '/orders', body)).body).toEqual(placed.body);
      expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['confirmed']);
      expect(takenFrom(fleet.sandbox, product)).toEqual([-2]);
    },
    CRASH_TIMEOUT_MS,
  );
});
