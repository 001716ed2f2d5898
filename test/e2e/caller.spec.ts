import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCOPES } from '../../src/auth/access.js';
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
  it('returns the id and scopes of a customer', async () => {
    expect(await whoIs(known.customer)).toEqual({
      id: `customer:${CUSTOMER}`,
      scopes: ['orders:place', 'orders:read'],
      customer_id: CUSTOMER,
    });
  });

  it('returns the scopes of a staff token', async () => {
    expect(await whoIs(known.admin)).toEqual({ id: 'user:admin-1', scopes: [...SCOPES], customer_id: null });
  });

  it('returns the scopes of an API key, with those that they include', async () => {
    expect(await whoIs(known.reader)).toEqual({
      id: 'key:reader',
      scopes: ['orders:read', 'orders:read:all'],
      customer_id: null,
    });
  });

  it('returns an empty list for a caller without scopes', async () => {
    expect(await whoIs(known.customerWithoutScopes)).toMatchObject({ scopes: [], customer_id: CUSTOMER });
  });

  it('returns the anonymous caller with all scopes when authentication is off', async () => {
    const open = await startTestService({ beside: service });
    const { body } = await open.request('GET', '/caller');
    expect(body).toEqual({ id: 'anonymous', scopes: [...SCOPES], customer_id: null });
    await open.stop();
  });
});
