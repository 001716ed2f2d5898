import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import axios from 'axios';
import { Deadline } from '../../src/platform/http/deadline.js';
import { CONNECTIONS_PER_ORIGIN, UndiciTransport } from '../../src/platform/http/undici-transport.js';
import { UpstreamClient } from '../../src/platform/http/upstream-client.js';
import type { UpstreamRequest } from '../../src/platform/http/upstream-client.js';
import { UpstreamFault } from '../../src/platform/http/upstream-fault.js';
import { MAX_ATTEMPTS } from '../../src/platform/http/upstream-retry.js';

const TIMEOUT_MS = 300;

type Handler = (request: IncomingMessage, response: ServerResponse, call: number) => void;

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Upstream {
  server: Server;
  origin: string;
  calls: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  connections: Socket[];
  close(): Promise<void>;
}

async function startUpstream(handler: Handler): Promise<Upstream> {
  const calls: Upstream['calls'] = [];
  const connections: Socket[] = [];
  const server = createServer((request, response) => {
    calls.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    request.resume();
    handler(request, response, calls.length);
  });
  server.on('connection', (socket) => connections.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has such an address
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(() => resolve());
    });
  };
  cleanups.push(close);
  return { server, origin: `http://127.0.0.1:${port}`, calls, connections, close };
}

function clientFor(baseUrl: string): UpstreamClient {
  const transport = new UndiciTransport();
  cleanups.push(() => transport.onApplicationShutdown());
  const http = new HttpService(axios.create(transport.axiosDefaults()));
  return new UpstreamClient(http, { name: 'test service', baseUrl, timeoutMs: TIMEOUT_MS });
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function put(changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'PUT',
    path: ['things', '1'],
    body: { secret: 'hunter2' },
    idempotencyKey: 'key-1',
    deadline: Deadline.in(5_000),
    repeatable: false,
    ...changes,
  };
}

async function faultOf(call: Promise<unknown>): Promise<UpstreamFault> {
  const error = await call.then(
    (answer) => new Error(`no fault but ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UpstreamFault)) throw error;
  return error;
}

describe('a request', () => {
  it('carries method, path, JSON, key and length', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 201, { done: true }));
    const answer = await clientFor(upstream.origin).request(put());
    expect(answer).toEqual({ status: 201, body: { done: true } });
    expect(upstream.calls).toMatchObject([
      {
        method: 'PUT',
        url: '/things/1',
        headers: {
          'idempotency-key': 'key-1',
          'content-type': 'application/json',
          'content-length': String(JSON.stringify({ secret: 'hunter2' }).length),
          accept: 'application/json',
        },
      },
    ]);
  });

  it.each([
    ['a/b', 'a%2Fb'],
    ['100%', '100%25'],
    ['%2e%2e', '%252e%252e'],
    ['a b?c#d', 'a%20b%3Fc%23d'],
    ['…', '%E2%80%A6'],
    ['...', '...'],
  ])('encodes the segment %j as %s, under the path of the base address', async (segment, encoded) => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    await clientFor(`${upstream.origin}/api/v1/`).request(put({ path: ['things', segment, 'reserve'] }));
    expect(upstream.calls.map((call) => call.url)).toEqual([`/api/v1/things/${encoded}/reserve`]);
  });

  it.each(['', '.', '..', '\ud800'])('answers 404 for the segment %j without a call', async (segment) => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    const answer = await clientFor(upstream.origin).request(put({ path: ['things', segment, 'reserve'] }));
    expect(answer.status).toBe(404);
    expect(upstream.calls).toEqual([]);
  });

  it('sends the user and password of the base address', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    await clientFor(upstream.origin.replace('//', '//user:p%40ss@')).request(put());
    expect(upstream.calls[0]?.headers.authorization).toBe(`Basic ${btoa('user:p@ss')}`);
  });

  it('keeps its connection for the next one, unless it asks for its own', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    const client = clientFor(upstream.origin);
    for (let count = 0; count < 5; count += 1) await client.request(put());
    // A second one is opened when a request comes before the first has settled after its answer.
    const kept = upstream.connections.length;
    expect(kept).toBeLessThanOrEqual(2);
    for (let count = 0; count < 2; count += 1) await client.request(put({ ownConnection: true }));
    expect(upstream.connections).toHaveLength(kept + 2);
  });
});

describe('an answer', () => {
  it.each([200, 201, 400, 401, 404, 409, 422])('is given for %d', async (status) => {
    const upstream = await startUpstream((_request, response) => json(response, status, { detail: 'said' }));
    const answer = await clientFor(upstream.origin).request(put({ repeatable: true }));
    expect(answer).toEqual({ status, body: { detail: 'said' } });
    expect(upstream.calls).toHaveLength(1);
  });

  it('may be empty with 204, and otherwise only where the contract says so', async () => {
    const upstream = await startUpstream((_request, response, call) =>
      response.writeHead(call === 1 ? 204 : 200).end(),
    );
    const client = clientFor(upstream.origin);
    expect(await client.request(put())).toEqual({ status: 204, body: null });
    expect(await client.request(put({ mayBeEmpty: true }))).toEqual({ status: 200, body: null });
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'garbage' });
  });

  it('larger than the limit is a fault, with or without a length in its head', async () => {
    const upstream = await startUpstream((_request, response, call) => {
      const body = JSON.stringify('x'.repeat(2_000));
      if (call === 1) response.setHeader('content-length', body.length);
      response.end(body);
    });
    const client = clientFor(upstream.origin);
    for (let count = 0; count < 2; count += 1) {
      expect(await faultOf(client.request(put({ maxBytes: 1_000 })))).toMatchObject({ kind: 'garbage' });
    }
    expect(await client.request(put({ maxBytes: 10_000 }))).toMatchObject({ status: 200 });
  });
});

describe('a fault', () => {
  const faults: [string, UpstreamFault['kind'], Handler][] = [
    ['500', 'status', (_request, response) => json(response, 500, { detail: 'hunter2' })],
    ['503', 'status', (_request, response) => json(response, 503, {})],
    ['429', 'status', (_request, response) => json(response, 429, {})],
    ['408', 'status', (_request, response) => json(response, 408, {})],
    ['HTML', 'garbage', (_request, response) => response.end('<p>hunter2</p>')],
    ['HTML with 404', 'garbage', (_request, response) => response.writeHead(404).end('<p>not here</p>')],
    ['half of the JSON', 'garbage', (_request, response) => response.end('{"secret": "hunter2')],
    ['a reset', 'connection', (request) => request.socket.resetAndDestroy()],
    ['a closed connection', 'connection', (request) => request.socket.destroy()],
    [
      'half of the body',
      'connection',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"half":');
        setImmediate(() => response.destroy());
      },
    ],
    ['something else than HTTP', 'garbage', (request) => request.socket.end('hunter2\r\n\r\n')],
    ['silence', 'timeout', () => undefined],
    ['a head and then silence', 'timeout', (_request, response) => response.writeHead(200).write('{')],
  ];

  it.each(faults)(
    'is reported after %s as %s: once, without what was sent or received',
    async (_, kind, handler) => {
      const upstream = await startUpstream(handler);
      const fault = await faultOf(clientFor(upstream.origin.replace('//', '//me:hunter2@')).request(put()));
      expect(fault).toMatchObject({ kind, upstream: 'test service' });
      expect(inspect(fault, { depth: 9 })).not.toContain('hunter2');
      expect(upstream.calls).toHaveLength(1);
    },
  );

  it.each(faults)(
    'after %s leads to repetitions with the same key where that is safe',
    async (_, _kind, handler) => {
      const upstream = await startUpstream((request, response, call) => {
        if (call < MAX_ATTEMPTS) handler(request, response, call);
        else json(response, 200, { done: true });
      });
      const answer = await clientFor(upstream.origin).request(put({ repeatable: true }));
      expect(answer.body).toEqual({ done: true });
      expect(new Set(upstream.calls.map((call) => call.headers['idempotency-key']))).toEqual(
        new Set(['key-1']),
      );
    },
  );

  it('ends the repetitions after the third', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 500, {}));
    expect(await faultOf(clientFor(upstream.origin).request(put({ repeatable: true })))).toMatchObject({
      kind: 'status',
    });
    expect(upstream.calls).toHaveLength(MAX_ATTEMPTS);
  });

  it('is a redirect, which is neither followed nor repeated', async () => {
    const upstream = await startUpstream((_request, response) =>
      json(response, 307, {}, { location: '/elsewhere' }),
    );
    expect(await faultOf(clientFor(upstream.origin).request(put({ repeatable: true })))).toMatchObject({
      kind: 'status',
    });
    expect(upstream.calls.map((call) => call.url)).toEqual(['/things/1']);
  });

  it('of an attempt takes no longer than the attempt may, and of the call no longer than its deadline', async () => {
    const upstream = await startUpstream(() => undefined);
    const client = clientFor(upstream.origin);
    const begun = performance.now();
    await faultOf(client.request(put()));
    const one = performance.now() - begun;
    expect(one).toBeGreaterThanOrEqual(TIMEOUT_MS - 5);
    expect(one).toBeLessThan(TIMEOUT_MS + 200);
    await faultOf(client.request(put({ repeatable: true, deadline: Deadline.in(400) })));
    expect(performance.now() - begun - one).toBeLessThan(600);
  });

  it('that a closed kept connection caused is of an unknown outcome', async () => {
    // The second request on a connection is read and then met by its end, as when both ends act at the same time.
    const upstream = await startUpstream((request, response) => {
      const earlier = upstream.calls.length > 1;
      if (earlier) request.socket.destroy();
      else json(response, 200, {});
    });
    const client = clientFor(upstream.origin);
    await client.request(put());
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'connection' });
    expect(upstream.calls).toHaveLength(2);
  });

  it('does not come from a connection that was closed while it was idle', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    const client = clientFor(upstream.origin);
    for (let count = 0; count < 20; count += 1) {
      await client.request(put());
      for (const socket of upstream.connections) socket.end();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(upstream.calls).toHaveLength(20);
  });
});

describe('a request that was not sent', () => {
  it('is known as such when the connection is refused, and tried again even where nothing may be repeated', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, { late: true }));
    const { port } = new URL(upstream.origin);
    await upstream.close();
    const client = clientFor(upstream.origin);
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'not_sent' });
    expect(await faultOf(client.request(put({ deadline: Deadline.in(0) })))).toMatchObject({
      kind: 'not_sent',
    });
    // The attempts lie within 150 ms, so the service comes back for the first of the next call at the latest.
    const again = client.request(put());
    await new Promise<void>((resolve) => upstream.server.listen(Number(port), '127.0.0.1', resolve));
    expect((await again).body).toEqual({ late: true });
  });

  it('is known as such when the name is not known', async () => {
    const client = clientFor('http://no-such-host.invalid:8080');
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'not_sent' });
  });

  it('is known as such when it waited for a connection in vain, and leaves the connections alone', async () => {
    const held: ServerResponse[] = [];
    const upstream = await startUpstream((request, response) => {
      if (request.url === '/slow') held.push(response);
      else json(response, 200, {});
    });
    const client = clientFor(upstream.origin);
    const slow = Array.from({ length: CONNECTIONS_PER_ORIGIN }, () =>
      client.request(put({ path: ['slow'] })),
    );
    while (held.length < CONNECTIONS_PER_ORIGIN) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await faultOf(client.request(put({ deadline: Deadline.in(50) })))).toMatchObject({
      kind: 'not_sent',
    });
    for (const response of held) json(response, 200, {});
    await Promise.all(slow);
    await client.request(put());
    expect(upstream.calls).toHaveLength(CONNECTIONS_PER_ORIGIN + 1);
    expect(upstream.connections.filter((socket) => socket.destroyed)).toEqual([]);
  });

  it('does not hide that an earlier attempt may have arrived', async () => {
    const upstream = await startUpstream((request) => {
      upstream.server.close();
      request.socket.destroy();
    });
    const fault = await faultOf(clientFor(upstream.origin).request(put({ repeatable: true })));
    expect(fault.kind).toBe('connection');
    expect(upstream.calls).toHaveLength(1);
  });
});

describe('Retry-After', () => {
  it.each([429, 503])('of a %d is waited for', async (status) => {
    const upstream = await startUpstream((_request, response, call) =>
      call === 1 ? json(response, status, {}, { 'retry-after': '1' }) : json(response, 200, {}),
    );
    const begun = performance.now();
    await clientFor(upstream.origin).request(put({ repeatable: true }));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1_000);
  });

  it('beyond the deadline ends the call at once', async () => {
    const upstream = await startUpstream((_request, response) =>
      json(response, 503, {}, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }),
    );
    const begun = performance.now();
    expect(await faultOf(clientFor(upstream.origin).request(put({ repeatable: true })))).toMatchObject({
      kind: 'status',
    });
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(upstream.calls).toHaveLength(1);
  });
});
