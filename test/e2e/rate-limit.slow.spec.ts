import { afterEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { loadSettings, SettingsError } from '../../src/config/load-settings.js';
import { ANONYMOUS } from '../../src/auth/access.js';
import { RateLimit } from '../../src/platform/http/edge/rate-limit.js';
import { Problem } from '../../src/platform/http/problem.js';
import { countRows, expectProblem, orderBody } from '../support/builders.js';
import { send, startTestService, type TestResponse, type TestService } from '../support/service.js';
import { ProbeModule } from './probe.module.js';

const LIMIT = 5;
const FIRST = { 'x-forwarded-for': '203.0.113.1' };
const SECOND = { 'x-forwarded-for': '203.0.113.2' };

let service: TestService;
const running: TestService[] = [];

afterEach(async () => {
  await running.pop()?.stop();
});

/** Replaces the credential check: accepts any caller name but `wrong`. */
async function believe(request: FastifyRequest): Promise<void> {
  const id = String(request.headers['x-test-caller']);
  if (id === 'wrong') throw Problem.http('invalid-request', 'replaces a check that failed');
  request.caller = { ...ANONYMOUS, id };
}

const getFrom = (address: string): Promise<TestResponse> =>
  service.request('GET', '/orders', undefined, { 'x-forwarded-for': address });

async function start(settings: Record<string, string> = {}): Promise<void> {
  service = await startTestService({ settings: { RATE_LIMIT_PER_MINUTE: String(LIMIT), ...settings } });
  running.push(service);
}

/** Sends requests one after another until the limit of their caller is used up. */
async function useUp(path = '/orders', headers: Record<string, string> = {}): Promise<TestResponse[]> {
  const answers: TestResponse[] = [];
  for (let count = 0; count < LIMIT; count += 1) {
    answers.push(await service.request('GET', path, undefined, headers));
  }
  return answers;
}

describe('rate limit', () => {
  it('returns RateLimit fields, and 429 with Retry-After beyond the limit', async () => {
    await start();
    const answers = await useUp();
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: LIMIT }, () => 200));
    const fields = answers.map(({ headers }) => headers.get('ratelimit') ?? '');
    expect(fields.map((field) => /^"requests";r=(\d+);t=\d+$/.exec(field)?.[1])).toEqual([...'43210']);
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"requests";q=5;w=60');

    const refused = await service.request('GET', '/orders');
    expectProblem(refused, 429);
    expect(refused.body.type).toBe('/problems/rate-limit-exceeded');
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(refused.headers.get('ratelimit')).toBe(`"requests";r=0;t=${seconds}`);
    expect(refused.headers.get('x-request-id')).not.toBeNull();
  });

  it('rejects an order beyond the limit before it is stored', async () => {
    await start();
    await useUp();
    const rows = await countRows(service.database);
    expectProblem(await service.request('POST', '/orders', orderBody()), 429);
    expect(await countRows(service.database)).toEqual(rows);
  });

  it.each([
    ['an unknown path', 'GET', '/nowhere', 404],
    ['an unsupported method', 'DELETE', '/orders', 405],
    ['a malformed body', 'POST', '/orders', 400],
  ])('counts failed requests too: %s', async (_name, method, path, status) => {
    await start();
    const body = method === 'POST' ? '{' : undefined;
    for (let count = 0; count < LIMIT; count += 1) {
      expectProblem(await service.request(method, path, body), status);
    }
    expectProblem(await service.request(method, path, body), 429);
    expectProblem(await service.request('GET', '/orders'), 429);
  });

  it('is exact for concurrent requests', async () => {
    await start();
    const answers = await Promise.all(
      Array.from({ length: 4 * LIMIT }, () => service.request('GET', '/orders')),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(LIMIT);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(3 * LIMIT);
  });

  it('does not apply to health checks and the OpenAPI document', async () => {
    await start();
    await useUp();
    for (const path of ['/health', '/health/live', '/health/ready', '/docs-json']) {
      const answer = await service.request('GET', path);
      expect({ path, status: answer.status }).toEqual({ path, status: 200 });
      expect(answer.headers.get('ratelimit')).toBeNull();
    }
    expectProblem(await service.request('GET', '/healthy'), 429);
  });
});

describe('rate limit by address', () => {
  it('uses the address that a trusted proxy reports', async () => {
    await start({ TRUST_PROXY: '127.0.0.0/8, 10.1.2.3' });
    await useUp('/orders', FIRST);
    expectProblem(await service.request('GET', '/orders', undefined, FIRST), 429);
    expect((await service.request('GET', '/orders', undefined, SECOND)).status).toBe(200);
    // What the client wrote itself precedes what the proxy has appended.
    const forged = { 'x-forwarded-for': `198.51.100.7, ${FIRST['x-forwarded-for']}` };
    expectProblem(await service.request('GET', '/orders', undefined, forged), 429);
  });

  it('groups IPv6 addresses by their /64 network', async () => {
    await start({ TRUST_PROXY: '127.0.0.1' });
    await useUp('/orders', { 'x-forwarded-for': '2001:db8:1:2::1' });
    expectProblem(await getFrom('2001:db8:1:2:ffff::2'), 429);
    expect((await getFrom('2001:db8:1:3::1')).status).toBe(200);
  });

  it('ignores headers of clients without a trusted proxy', async () => {
    await start();
    await useUp('/orders', FIRST);
    expectProblem(await service.request('GET', '/orders', undefined, SECOND), 429);
    const others = { forwarded: 'for=203.0.113.9', 'x-real-ip': '203.0.113.9', 'x-request-id': 'another' };
    expectProblem(await service.request('GET', '/orders', undefined, others), 429);
  });
});

describe('rate limit of authenticated callers', () => {
  it('counts by caller, and invalid credentials by address only', async () => {
    const adapter = new FastifyAdapter();
    const app = await NestFactory.create<NestFastifyApplication>(ProbeModule, adapter, { logger: false });
    adapter.getInstance().addHook('onRequest', believe);
    await RateLimit.impose(adapter.getInstance(), LIMIT);
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/probe`;
    const statusAs = async (caller: string): Promise<number> => {
      const { status } = await send(url, 'GET', undefined, { 'x-test-caller': caller });
      return status;
    };
    try {
      for (let count = 0; count < LIMIT; count += 1) {
        expect([await statusAs('key:shop'), await statusAs('wrong')]).toEqual([200, 400]);
      }
      expect([await statusAs('key:shop'), await statusAs('wrong')]).toEqual([429, 429]);
      expect(await statusAs('key:warehouse')).toBe(200);
    } finally {
      await app.close();
    }
  });
});

describe('rate limit settings', () => {
  it('send no RateLimit fields without a limit', async () => {
    await start({ RATE_LIMIT_PER_MINUTE: '0' });
    for (const answer of [...(await useUp()), ...(await useUp())]) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('ratelimit')).toBeNull();
    }
  });

  it.each(['true', '1', '10.0.0.0/33', 'proxy.example.com', '10.0.0.1;10.0.0.2', '::/129', '10.0.0.0/8/8'])(
    'TRUST_PROXY accepts addresses and networks only: %s',
    (TRUST_PROXY) => {
      const load = () => loadSettings({ DATABASE_URL: 'postgres://localhost/orders', TRUST_PROXY });
      expect(load).toThrow(SettingsError);
    },
  );
});
