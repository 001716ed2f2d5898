import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCOPES } from '../../src/platform/http/caller.js';
import { API_KEYS, CUSTOMER, type Headers, knownCallers } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestService } from '../support/service.js';

let issuer: TestIssuer;
let service: TestService;
let known: Awaited<ReturnType<typeof knownCallers>>;

beforeAll(async () => {
  issuer = await TestIssuer.start();
  service = await startTestService({ settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS } });
  known = await knownCallers(issuer);
});
afterAll(async () => {
  await service.stop();
  await issuer.close();
});

const whoIs = async (headers: Headers) =>
  (await service.request('GET', '/caller', undefined, headers)).body as unknown;

describe('GET /caller', () => {
  it('tells a customer that it is one', async () => {
    expect(await whoIs(known.customer)).toEqual({
      id: `customer:${CUSTOMER}`,
      scopes: ['orders:place', 'orders:read'],
      customer_id: CUSTOMER,
    });
  });

  it('tells somebody who works here what a token allows', async () => {
    expect(await whoIs(known.admin)).toEqual({ id: 'user:admin-1', scopes: [...SCOPES], customer_id: null });
  });

  it('tells a tool what its key allows, and what that includes', async () => {
    expect(await whoIs(known.reader)).toEqual({
      id: 'key:reader',
      scopes: ['orders:read', 'orders:read:all'],
      customer_id: null,
    });
  });

  it('tells whoever may do nothing just that', async () => {
    expect(await whoIs(known.customerWithoutScopes)).toMatchObject({ scopes: [], customer_id: CUSTOMER });
  });

  it('takes everybody for the same where nobody is asked', async () => {
    const open = await startTestService({ beside: service });
    const { body } = await open.request('GET', '/caller');
    expect(body).toEqual({ id: 'anonymous', scopes: [...SCOPES], customer_id: null });
    await open.stop();
  });
});
