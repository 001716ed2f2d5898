import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectProblem,
  line,
  newProduct,
  orderBody,
  startFleet,
  type TestFleet,
} from '../support/builders.js';
import { API_KEYS, CUSTOMER, type Headers, knownCallers } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import type { TestService } from '../support/service.js';

let issuer: TestIssuer;
let callers: Awaited<ReturnType<typeof knownCallers>>;

beforeAll(async () => {
  issuer = await TestIssuer.start();
  callers = await knownCallers(issuer);
});
afterAll(() => issuer.close());

describe.each(['false', 'true'])('with ALLOW_CUSTOMER_CONFIRM=%s', (isAllowed) => {
  let fleet: TestFleet;
  let service: TestService;

  beforeAll(async () => {
    fleet = await startFleet(1, () => ({
      ...issuer.settings,
      AUTH: 'jwt,api-key',
      API_KEYS,
      ALLOW_CUSTOMER_CONFIRM: isAllowed,
    }));
    [service] = fleet.services as [TestService];
  });
  afterAll(() => fleet.stop());

  /** An order of the customer that is reserved. */
  async function reserve(): Promise<string> {
    const body = { ...orderBody([line(newProduct(fleet.sandbox))]), hold_seconds: 3_600 };
    const placed = await service.request('POST', `/orders/${CUSTOMER}`, body, callers.customer);
    expect([placed.status, placed.body.status]).toEqual([201, 'reserved']);
    return placed.body.order_id as string;
  }

  const confirm = (id: string, as: Headers) =>
    service.request('POST', `/orders/${id}/confirm`, { payment: { reference: 'pay_1' } }, as);
  const setStatus = (id: string, status: string, as: Headers) =>
    service.request('PUT', `/orders/${id}`, { status }, as);

  it(
    isAllowed === 'true' ? 'a customer confirms its order' : 'a customer can not confirm its order',
    async () => {
      const id = await reserve();
      const answer = await confirm(id, callers.customer);
      if (isAllowed === 'true') expect([answer.status, answer.body.status]).toEqual([200, 'confirmed']);
      else expectProblem(answer, 403);
    },
  );

  it('no other customer confirms it', async () => {
    const answer = await confirm(await reserve(), callers.otherCustomer);
    expectProblem(answer, isAllowed === 'true' ? 404 : 403);
  });

  it('a customer cancels its reserved order', async () => {
    const answer = await setStatus(await reserve(), 'cancelled', callers.customer);
    expect([answer.status, answer.body.status]).toEqual([200, 'cancelled']);
  });
});
