import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fastify, type FastifyInstance } from 'fastify';
import { register } from 'prom-client';
import { BackgroundLoops } from '../../src/platform/background-loops.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { ApiKeys } from '../../src/auth/api-keys.js';
import { Authenticator } from '../../src/auth/authenticator.js';
import { BearerTokens } from '../../src/auth/bearer-tokens.js';
import { IssuerKeys } from '../../src/auth/issuer-keys.js';
import { declareRoutes, guardRoutes } from '../../src/auth/route-access.js';
import { loadSettings } from '../../src/config/load-settings.js';
import type { Settings } from '../../src/config/settings.js';
import type { RouteAccess } from '../../src/platform/http/caller.js';
import { MAX_NETWORKS, WINDOW_MS } from '../../src/platform/http/edge/rate-limit-store.js';
import { RateLimit } from '../../src/platform/http/edge/rate-limit.js';
import { sendProblem } from '../../src/platform/http/problem.filter.js';
import { shareProcessor } from '../../src/platform/http/load/processor-turns.js';
import { Problem } from '../../src/platform/http/problem.js';
import { API_KEYS, knownCallers } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { parseMetrics, sumOf } from '../support/metrics.js';
import { eventually } from '../support/service.js';
import { openConnection } from './raw-http.js';

const LIMIT = 5;

/** More networks than the table of addresses has room for. */
const NETWORKS = 50_900;

const CONNECTIONS = 8;
const PIPELINED = 100;
/** Responses with 401, and with 429 when the flood shares a counter. */
const STATUS_LINE = 'HTTP/1.1 4';

let issuer: TestIssuer;
let server: FastifyInstance;
let url: string;

/** The n-th /64 network in 2001:db8::/32. */
function addressOf(n: number): string {
  return `2001:db8:${(n >> 8).toString(16)}:${(n & 0xff).toString(16)}::1`;
}

/** Sends requests without credentials on one connection, one batch after another. */
async function sendFrom(socket: Socket, addresses: readonly string[]): Promise<void> {
  let answered = 0;
  let tail = '';
  socket.on('data', (data: Buffer) => {
    const text = tail + data.toString('latin1');
    answered += text.split(STATUS_LINE).length - 1;
    tail = text.slice(1 - STATUS_LINE.length);
  });
  for (let from = 0; from < addresses.length; from += PIPELINED) {
    const batch = addresses.slice(from, from + PIPELINED);
    const requests = batch.map(
      (address) => `GET /caller HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${address}\r\n\r\n`,
    );
    socket.write(requests.join(''));
    await eventually(() => answered === from + batch.length);
  }
}

/** Sends a request from each network, in no fixed order. */
async function sendFromNetworks(first: number, end: number): Promise<void> {
  const addresses = Array.from({ length: end - first }, (_, n) => addressOf(first + n));
  const share = Math.ceil(addresses.length / CONNECTIONS);
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, index) => {
      const socket = await openConnection(url);
      await sendFrom(socket, addresses.slice(index * share, (index + 1) * share));
      socket.destroy();
    }),
  );
}

/** Only the hooks that authenticate and limit requests, so that the flood fits into a minute. */
async function startServer(settings: Settings): Promise<FastifyInstance> {
  const made = fastify({ trustProxy: settings.TRUST_PROXY });
  made.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof Problem)) throw error;
    sendProblem(reply, error);
  });
  declareRoutes(made);
  await RateLimit.impose(made, settings.RATE_LIMIT_PER_MINUTE);
  const tokens = new BearerTokens(new IssuerKeys(settings), settings);
  guardRoutes(
    made,
    new Authenticator(tokens, new ApiKeys(settings, new BackgroundLoops(new Metrics())), settings),
    settings,
    shareProcessor(made),
  );
  const access: Record<string, RouteAccess> = { '/caller': { known: true }, '/public': { group: 'always' } };
  for (const [path, allowed] of Object.entries(access)) {
    made.get(path, { config: { access: allowed } }, () => ({}));
  }
  await made.listen({ port: 0, host: '127.0.0.1' });
  return made;
}

async function statusOf(path: string, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`${url}${path}`, { headers });
  await response.body?.cancel();
  return response.status;
}

const statusFrom = (address: string) => statusOf('/public', { 'x-forwarded-for': address });

beforeAll(async () => {
  issuer = await TestIssuer.start();
  server = await startServer(
    loadSettings({
      ...issuer.settings,
      DATABASE_URL: 'postgres://localhost/orders',
      AUTH: 'jwt,api-key',
      API_KEYS,
      RATE_LIMIT_PER_MINUTE: String(LIMIT),
      TRUST_PROXY: '127.0.0.1',
    }),
  );
  url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await server.close();
  await issuer.close();
});

describe('after a flood of requests without credentials from 50,900 networks', () => {
  beforeAll(async () => {
    await sendFromNetworks(0, MAX_NETWORKS);
    // The table is full, so that these are counted by larger networks.
    await sendFromNetworks(MAX_NETWORKS, NETWORKS);
  }, WINDOW_MS);

  it('authenticated callers keep their whole limit', async () => {
    const { reader, warehouse, customer, admin } = await knownCallers(issuer);
    for (const caller of [reader, warehouse, customer, admin]) {
      const headers = { ...caller, 'x-forwarded-for': addressOf(NETWORKS - 1) };
      for (let count = 0; count < LIMIT; count += 1) expect(await statusOf('/caller', headers)).toBe(200);
      expect(await statusOf('/caller', headers)).toBe(429);
    }
  });

  it('new addresses are counted by their /48 network', async () => {
    expect(await statusFrom(addressOf(NETWORKS))).toBe(429);
    expect(await statusFrom('2001:db8:ffff:1::1')).toBe(200);
    expect(await statusFrom('198.51.100.1')).toBe(200);
  });

  it('a metric counts the requests that found the table full', async () => {
    const samples = parseMetrics(await register.metrics());
    const found = sumOf(samples, 'rate_limit_table_full_total', { table: 'addresses' });
    expect(found).toBeGreaterThanOrEqual(NETWORKS - MAX_NETWORKS);
  });
});
