import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeApiKey } from '../../src/auth/api-key.js';
import { PROBLEM_JSON } from '../support/builders.js';
import { apiKey, bearer, CUSTOMER, CUSTOMER_SCOPES } from '../support/callers.js';
import { TestIssuer, type TokenOptions } from '../support/issuer.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Longer than the minimum interval between two fetches of the key set. */
const PAST_COOLDOWN_MS = 10_000;

const issuedIn = (seconds: number) => ({ claims: { iat: Math.floor(Date.now() / 1_000) + seconds } });

describe('access tokens', () => {
  let issuer: TestIssuer;
  let service: TestService;

  beforeEach(async () => {
    issuer = await TestIssuer.start();
  });
  afterEach(async () => {
    await service.stop();
    await issuer.close();
  });

  const start = async (settings: Record<string, string> = {}) => {
    service = await startTestService({ settings: { ...issuer.settings, ...settings } });
  };
  const list = (token: string) => service.request('GET', '/orders', undefined, bearer(token));
  const statusOf = async (options: TokenOptions) =>
    (await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, options))).status;

  it('are verified with a key set that is fetched once', async () => {
    await start();
    const token = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    const answers = await Promise.all(Array.from({ length: 20 }, () => list(token)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(issuer.fetches).toBe(1);
  });

  it('are accepted after a key rotation, and rejected when their key was withdrawn', async () => {
    await start();
    const old = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    expect((await list(old)).status).toBe(200);
    await issuer.rotate(false);
    const young = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    await eventually(async () => (await list(young)).status === 200, PAST_COOLDOWN_MS);
    expect((await list(old)).body).toMatchObject({ type: '/problems/invalid-credentials' });
  });

  it('with unknown key ids do not cause a fetch of the key set each', async () => {
    await start();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) =>
        list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { kid: `no-such-key-${n}` })),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
    // At the start, and once for all of the tokens.
    expect(issuer.fetches).toBe(2);
  });

  it('with a new key are accepted at once, also beside many unknown key ids', async () => {
    await start();
    const forge = async (n: number) =>
      list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { kid: `no-such-key-${n}` }));
    await issuer.rotate();
    const young = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    for (let n = 0; n < 3; n += 1) {
      const [forged, answer] = await Promise.all([forge(n), list(young)]);
      expect([forged.status, answer.status]).toEqual([401, 200]);
    }
    expect(issuer.fetches).toBeLessThanOrEqual(4);
  });

  it('get 503 instead of 401 until the issuer answers', async () => {
    await issuer.close();
    await start();
    const token = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    const away = await list(token);
    expect(away.status).toBe(503);
    expect(away.headers.get('retry-after')).toBe('2');
    expect(away.headers.get('content-type')).toBe(PROBLEM_JSON);
    expect(away.body).toMatchObject({ type: '/problems/issuer-unavailable', status: 503 });
    // Longer than the retry interval of the key set, so that at least one of these requests tries a fetch that fails.
    for (let asked = 0; asked < 15; asked += 1) {
      expect((await list(token)).status).toBe(503);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await issuer.open();
    await eventually(async () => (await list(token)).status === 200);
  });

  it('with a known key are verified while the issuer is away, and get 503 with a new key', async () => {
    await start();
    const known = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    expect((await list(known)).status).toBe(200);
    await issuer.close();
    await issuer.rotate();
    const unknown = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    await eventually(async () => (await list(unknown)).status === 503, PAST_COOLDOWN_MS);
    expect((await list(known)).status).toBe(200);
  });

  it('that are rejected get the reason in WWW-Authenticate (RFC 6750)', async () => {
    await start();
    const expired = await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { expiresIn: -1 }));
    expect(expired.body).toEqual({
      type: '/problems/invalid-credentials',
      title: 'Invalid credentials',
      status: 401,
      detail: 'The token has expired',
    });
    expect(expired.headers.get('www-authenticate')).toBe(
      'Bearer realm="order-service", error="invalid_token", error_description="The token has expired"',
    );
    const absent = await service.request('GET', '/orders');
    expect(absent.body).toMatchObject({ type: '/problems/authentication-required', status: 401 });
    expect(absent.headers.get('www-authenticate')).toBe('Bearer realm="order-service"');
    const weak = await list(await issuer.token(CUSTOMER, 'orders:place'));
    expect(weak.status).toBe(403);
    expect(weak.body).toMatchObject({
      type: '/problems/insufficient-scope',
      required_scope: 'orders:read',
    });
    expect(weak.headers.get('www-authenticate')).toBe(
      'Bearer realm="order-service", error="insufficient_scope", scope="orders:read"',
    );
  });

  it.each([
    ['is larger than 1 MB', (text: string) => `${text}${' '.repeat(1_048_577)}`],
    ['has a duplicate id', (text: string) => text.replaceAll(/"key-\d"/g, '"key-2"')],
    ['has a key without an id', (text: string) => text.replace('"kid":"key-1",', '')],
    ['is not a key set', () => '{"keys":{}}'],
  ])('keep the working keys when the new key set %s', async (_what, spoil) => {
    await start();
    const known = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    expect((await list(known)).status).toBe(200);
    await issuer.rotate();
    issuer.spoil = spoil;
    const unknown = await issuer.token(CUSTOMER, CUSTOMER_SCOPES);
    await eventually(async () => (await list(unknown)).status === 503, PAST_COOLDOWN_MS);
    expect((await list(known)).status).toBe(200);
    issuer.spoil = undefined;
    await eventually(async () => (await list(unknown)).status === 200, PAST_COOLDOWN_MS);
  });

  it('without a key id are verified with the only key of the issuer', async () => {
    issuer.spoil = (text) => text.replace('"kid":"key-1",', '');
    await start();
    expect((await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { kid: null }))).status).toBe(200);
  });

  it('must have the type of an access token, or none', async () => {
    await start();
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT']) {
      expect((await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { typ }))).status).toBe(200);
    }
    for (const typ of ['logout+jwt', 'dpop+jwt', 'secevent+jwt', '', 7, null, {}, ['JWT']]) {
      expect((await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { typ }))).status).toBe(401);
    }
  });

  it('must expire within a year, and must not be issued in the future', async () => {
    await start();
    const day = 86_400;
    expect(await statusOf({ expiresIn: 365 * day })).toBe(200);
    expect(await statusOf({ expiresIn: 400 * day })).toBe(401);
    expect(await statusOf(issuedIn(-day))).toBe(200);
    expect(await statusOf(issuedIn(60))).toBe(401);
  });

  it('are verified before the body is validated', async () => {
    await start();
    const answer = await service.request('POST', '/orders', '{"items": [', {});
    expect(answer.status).toBe(401);
  });

  it('may have expired recently, to allow for clock skew', async () => {
    await start({ JWT_CLOCK_TOLERANCE_SECONDS: '60' });
    expect((await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { expiresIn: -30 }))).status).toBe(200);
    expect((await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { expiresIn: -90 }))).status).toBe(401);
  });

  it.each([
    ['a list', { scope: ['orders:read'] }],
    ['scp', { scp: 'orders:read' }],
    ['a list in scp', { scp: ['orders:read'] }],
  ])('may have their scopes in %s', async (_form, claims) => {
    await start();
    expect((await list(await issuer.token(CUSTOMER, '', { claims: { scope: '', ...claims } }))).status).toBe(
      200,
    );
  });

  it.each([
    ['an object', { id: 1 }],
    ['empty', ''],
    ['not storable', 'a\u0000b'],
    ['too long', 'x'.repeat(129)],
    ['absent', undefined],
  ])('must name a customer, whose id must not be %s', async (_what, customer) => {
    await start({ JWT_CUSTOMER_CLAIM: 'https://shop.example.com/customer' });
    const claims = { 'https://shop.example.com/customer': customer };
    const answer = await list(await issuer.token(CUSTOMER, CUSTOMER_SCOPES, { claims }));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });
});

describe('API keys in a file', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'order-keys-'));
    file = join(folder, 'keys.json');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are reloaded without a restart, and kept when the file is not valid', async () => {
    const old = makeApiKey('warehouse', ['orders:read:all']);
    const young = makeApiKey('warehouse', ['orders:read:all']);
    await writeFile(file, JSON.stringify([old.entry]));
    const service = await startTestService({ settings: { AUTH: 'api-key', API_KEYS_FILE: file } });
    const list = async (key: string) =>
      (await service.request('GET', '/orders', undefined, apiKey(key))).status;
    try {
      expect([await list(old.key), await list(young.key)]).toEqual([200, 401]);
      await writeFile(file, JSON.stringify([old.entry, young.entry]));
      await eventually(async () => (await list(young.key)) === 200);
      expect(await list(old.key)).toBe(200);
      await writeFile(file, '[{]');
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      expect([await list(old.key), await list(young.key)]).toEqual([200, 200]);
      await writeFile(file, JSON.stringify([young.entry]));
      await eventually(async () => (await list(old.key)) === 401);
      expect(await list(young.key)).toBe(200);
    } finally {
      await service.stop();
    }
  });
});
