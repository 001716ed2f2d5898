import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  restoreUpstreams,
  setStock,
  statusesTold,
  stockOf,
  takenFrom,
} from '../support/builders.js';
import { answerOf, getOrder, listEvents } from '../support/client.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  // Timeouts so long that no call ends before the test has seen that it is held.
  const settings = { UPSTREAM_TIMEOUT_MS: '10000', REQUEST_DEADLINE_MS: '30000' };
  service = await startTestService({ settings });
});

afterEach(() => restoreUpstreams(service, service.sandbox));

afterAll(() => service.stop());

describe('order whose reservation is refused after a successful lookup', () => {
  it('is rejected, and the units of its other lines are released', async () => {
    const [enough, gone] = [newProduct(service.sandbox), newProduct(service.sandbox)];
    const inventory = service.sandbox.services.inventory;
    inventory.faults.add({ kind: 'hang', method: 'PUT', path: `/inventory/${gone}/reserve`, times: 1 });
    const body = orderBody([enough, gone].map((product) => line(product, 2)));
    const placing = answerOf(service.api.POST('/orders', { body }));
    await eventually(() => inventory.faults.held === 1);
    // Another order takes the units first.
    setStock(service.sandbox, gone, 1);
    inventory.faults.release();

    const answer = await placing;
    expectProblem(answer, 400);
    expect(answer.body).toMatchObject({
      type: '/problems/insufficient-stock',
      shortages: [{ product_id: gone, requested: 2 }],
    });
    expect(answer.body.detail).toContain(gone);
    expect(answer.body).not.toHaveProperty('calls');
    const order = await getOrder(service, answer.body.order_id);
    expect(order).toMatchObject({ status: 'rejected', failure: '/problems/insufficient-stock' });
    expect((await listEvents(service, order.order_id))[1]?.data?.calls).toMatchObject([
      { operation: 'reserve', lines: { held: 1, refused: 1 }, attempts: { '2xx': 1, '4xx': 1 } },
    ]);
    await eventually(() => stockOf(service.sandbox, enough) === 10);
    expect(takenFrom(service.sandbox, enough)).toEqual([-2, 2]);
    expect(takenFrom(service.sandbox, gone)).toEqual([]);
    expect(statusesTold(service.sandbox, order.order_id)).toEqual([]);
  });
});

describe('slow notification service', () => {
  it('does not delay the response to the client', async () => {
    const notification = service.sandbox.services.notification;
    notification.faults.add({ kind: 'hang', times: 1 });
    const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    // The response came before the delivery: the stand-in still holds the message, or has not received it.
    expect(statusesTold(service.sandbox, id)).toEqual([]);
    await eventually(() => notification.faults.held === 1);
    notification.faults.release();
    await eventually(() => statusesTold(service.sandbox, id).length === 1);
  });
});
