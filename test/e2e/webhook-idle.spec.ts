import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { DeliveryRepository } from '../../src/webhooks/delivery/delivery.repository.js';
import { DispatchRepository } from '../../src/webhooks/dispatch/dispatch.repository.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { startTestService, type TestService } from '../support/service.js';
import { insertEndpoint } from '../support/webhooks.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(async () => {
  jest.restoreAllMocks();
  await service.stop();
});

it.each(['without endpoints', 'whose endpoints are all disabled'])(
  'a service %s looks for them every five seconds and does nothing else, while orders are placed',
  async (kind) => {
    if (kind !== 'without endpoints') await insertEndpoint(service.database, { state: 'disabled' });
    const list = jest.spyOn(service.app.get(DeliveryRepository), 'listEndpoints');
    const queue = jest.spyOn(service.app.get(DispatchRepository), 'queueNext');
    list.mockClear();
    for (let placed = 0; placed < 5; placed += 1)
      await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    await sleep(3_000);
    expect(list.mock.calls.length).toBeLessThanOrEqual(1);
    expect(queue).not.toHaveBeenCalled();
    const tasks = await selectRows(service.database, `SELECT 1 FROM tasks WHERE kind LIKE 'webhook:%'`);
    expect(tasks).toEqual([]);
  },
);
