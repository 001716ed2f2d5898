import { makeApiKey } from '../../src/auth/api-key.js';
import { SCOPES } from '../../src/auth/access.js';
import { TestIssuer, type TokenOptions } from './issuer.js';

export type Headers = Record<string, string>;

/** The scopes that a shop grants to its customers. */
export const CUSTOMER_SCOPES = 'orders:place orders:read';

export const CUSTOMER = 'customer-1';
export const OTHER_CUSTOMER = 'customer-2';

export const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
export const apiKey = (key: string): Headers => ({ 'x-api-key': key });

const PAST = '2026-01-01T00:00:00Z';

const KEYS = {
  /** May read all orders and do nothing else. */
  reader: makeApiKey('reader', ['orders:read:all']),
  /** The shop itself, which places orders for any customer. */
  shop: makeApiKey('shop', ['orders:place']),
  /** May set statuses. */
  warehouse: makeApiKey('warehouse', ['orders:status']),
  operator: makeApiKey('operator', ['operations']),
  integrator: makeApiKey('integrator', ['webhooks']),
  expired: makeApiKey('expired', [...SCOPES], PAST),
  unknown: makeApiKey('unknown', [...SCOPES]),
};

/** Every API key in the settings of the service. */
export const API_KEYS = JSON.stringify(
  Object.entries(KEYS).flatMap(([name, { entry }]) => (name === 'unknown' ? [] : [entry])),
);

const ALL = SCOPES.join(' ');

/** Callers with valid credentials, by their scopes. */
export async function knownCallers(issuer: TestIssuer) {
  return {
    customer: bearer(await issuer.token(CUSTOMER, CUSTOMER_SCOPES)),
    otherCustomer: bearer(await issuer.token(OTHER_CUSTOMER, CUSTOMER_SCOPES)),
    readingCustomer: bearer(await issuer.token(CUSTOMER, 'orders:read')),
    customerWithoutScopes: bearer(await issuer.token(CUSTOMER, 'openid profile')),
    overScoped: bearer(await issuer.token(CUSTOMER, `${CUSTOMER_SCOPES} orders:status operations webhooks`)),
    admin: bearer(await issuer.token('admin-1', ALL)),
    reader: apiKey(KEYS.reader.key),
    shop: apiKey(KEYS.shop.key),
    warehouse: apiKey(KEYS.warehouse.key),
    operator: apiKey(KEYS.operator.key),
    integrator: apiKey(KEYS.integrator.key),
  } satisfies Record<string, Headers>;
}

export type KnownCaller = keyof Awaited<ReturnType<typeof knownCallers>>;

/** Callers with invalid credentials that imitate the admin. */
export async function unknownCallers(issuer: TestIssuer): Promise<Record<string, Headers>> {
  const token = (options: TokenOptions) => issuer.token('admin-1', ALL, options).then(bearer);
  const stranger = await TestIssuer.start();
  await stranger.close();
  const good = await issuer.token('admin-1', ALL);
  const [header = '', payload = '', signature = ''] = good.split('.');
  const forged = Buffer.from(payload, 'base64url').toString().replace('admin-1', 'admin-2');
  return {
    'no credentials': {},
    'an expired token': await token({ expiresIn: -60 }),
    'a token without an end': await token({ claims: { exp: undefined } }),
    'a token of tomorrow': await token({ claims: { nbf: Math.floor(Date.now() / 1_000) + 86_400 } }),
    'a token for another audience': await token({ claims: { aud: 'another-service' } }),
    'a token without an audience': await token({ claims: { aud: undefined } }),
    'a token of another issuer': await token({ claims: { iss: 'https://issuer.example.com' } }),
    'a token without a subject': await token({ claims: { sub: undefined } }),
    'a token with an unknown key id': await token({ kid: 'no-such-key' }),
    "a token signed with a stranger's key": bearer(
      await stranger.token('admin-1', ALL, { claims: { iss: issuer.url } }),
    ),
    'a token with another payload': bearer(
      `${header}.${Buffer.from(forged).toString('base64url')}.${signature}`,
    ),
    'a token without its signature': bearer(`${header}.${payload}.`),
    'a token with alg none': bearer(issuer.unsigned('admin-1', ALL)),
    'a token signed with the public key': bearer(await issuer.signedWithPublicKey('admin-1', ALL)),
    'no token at all': bearer('not.a.token'),
    'a token in the wrong header': apiKey(good),
    'a token under another scheme': { authorization: `Basic ${good}` },
    'an expired key': apiKey(KEYS.expired.key),
    'an unknown key': apiKey(KEYS.unknown.key),
    'an empty key': apiKey(''),
    'the hash of a key': apiKey(KEYS.operator.entry.sha256),
    'a key in place of a token': bearer(KEYS.operator.key),
    'a token and a key': { ...bearer(good), ...apiKey(KEYS.operator.key) },
  };
}
