import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Deadline } from '../../src/platform/deadline.js';
import { CONNECTIONS_PER_ORIGIN } from '../../src/platform/upstream/undici-transport.js';
import type { UpstreamRequest } from '../../src/platform/upstream/upstream-client.js';
import { cleanUp, clientFor, faultOf, json, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 300;

afterEach(cleanUp);

function put(changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'PUT',
    path: ['things', '1'],
    body: { secret: 'hunter2' },
    idempotencyKey: 'key-1',
    deadline: Deadline.in(5_000),
    idempotent: false,
    ...changes,
  };
}

describe('upstream request', () => {
  it('carries method, path, JSON, idempotency key and length', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 201, { done: true }));
    const answer = await clientFor(upstream.origin, TIMEOUT_MS).request(put());
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
  ])('encodes the segment %j as %s, under the path of the base URL', async (segment, encoded) => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    await clientFor(`${upstream.origin}/api/v1/`, TIMEOUT_MS).request(
      put({ path: ['things', segment, 'reserve'] }),
    );
    expect(upstream.calls.map((call) => call.url)).toEqual([`/api/v1/things/${encoded}/reserve`]);
  });

  it.each(['', '.', '..', '\ud800'])('returns 404 for the segment %j without a call', async (segment) => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    const answer = await clientFor(upstream.origin, TIMEOUT_MS).request(
      put({ path: ['things', segment, 'reserve'] }),
    );
    expect(answer.status).toBe(404);
    expect(upstream.calls).toEqual([]);
  });

  it('sends the user and password of the base URL', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    await clientFor(upstream.origin.replace('//', '//user:p%40ss@'), TIMEOUT_MS).request(put());
    expect(upstream.calls[0]?.headers.authorization).toBe(`Basic ${btoa('user:p@ss')}`);
  });

  it('reuses its connection, unless the request asks for its own', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 5; count += 1) await client.request(put());
    // A second connection is opened when a request starts before the first connection is idle again.
    const kept = upstream.connections.length;
    expect(kept).toBeLessThanOrEqual(2);
    for (let count = 0; count < 2; count += 1) await client.request(put({ ownConnection: true }));
    expect(upstream.connections).toHaveLength(kept + 2);
  });
});

describe('upstream response', () => {
  it.each([200, 201, 400, 401, 404, 409, 422])('is returned for %d', async (status) => {
    const upstream = await startUpstream((_request, response) => json(response, status, { detail: 'said' }));
    const answer = await clientFor(upstream.origin, TIMEOUT_MS).request(put({ idempotent: true }));
    expect(answer).toEqual({ status, body: { detail: 'said' } });
    expect(upstream.calls).toHaveLength(1);
  });

  it('may be empty with 204, and with other statuses only where the contract allows it', async () => {
    const upstream = await startUpstream((_request, response, call) =>
      response.writeHead(call === 1 ? 204 : 200).end(),
    );
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    expect(await client.request(put())).toEqual({ status: 204, body: null });
    expect(await client.request(put({ mayBeEmpty: true }))).toEqual({ status: 200, body: null });
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'garbage' });
  });

  it('larger than the limit is a fault, with or without a Content-Length', async () => {
    const upstream = await startUpstream((_request, response, call) => {
      const body = JSON.stringify('x'.repeat(2_000));
      if (call === 1) response.setHeader('content-length', body.length);
      response.end(body);
    });
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 2; count += 1) {
      expect(await faultOf(client.request(put({ maxBytes: 1_000 })))).toMatchObject({ kind: 'garbage' });
    }
    expect(await client.request(put({ maxBytes: 10_000 }))).toMatchObject({ status: 200 });
  });
});

describe('upstream request that was not sent', () => {
  it('is reported as such after a refused connection, and retried even when it is not idempotent', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, { late: true }));
    const { port } = new URL(upstream.origin);
    await upstream.close();
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'not_sent' });
    expect(await faultOf(client.request(put({ deadline: Deadline.in(0) })))).toMatchObject({
      kind: 'not_sent',
    });
    // The attempts lie within 150 ms, so the service is back for the first attempt of the next call at the latest.
    const again = client.request(put());
    await new Promise<void>((resolve) => upstream.server.listen(Number(port), '127.0.0.1', resolve));
    expect((await again).body).toEqual({ late: true });
  });

  it('is reported as such when the host name can not be resolved', async () => {
    const client = clientFor('http://no-such-host.invalid:8080', TIMEOUT_MS);
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'not_sent' });
  });

  it('is reported as such after the wait for a free connection timed out, and closes no connection', async () => {
    const held: ServerResponse[] = [];
    const upstream = await startUpstream((request, response) => {
      if (request.url === '/slow') held.push(response);
      else json(response, 200, {});
    });
    // Long enough for all connections on the busiest machine.
    const client = clientFor(upstream.origin, 5_000);
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

  it('is reported with an unknown outcome when an earlier attempt may have arrived', async () => {
    const upstream = await startUpstream((request) => {
      upstream.server.close();
      request.socket.destroy();
    });
    const fault = await faultOf(clientFor(upstream.origin, TIMEOUT_MS).request(put({ idempotent: true })));
    expect(fault.kind).toBe('connection');
    expect(upstream.calls).toHaveLength(1);
  });
});

describe('Retry-After of an upstream response', () => {
  it.each([429, 503])('of a %d delays the retry', async (status) => {
    const upstream = await startUpstream((_request, response, call) =>
      call === 1 ? json(response, status, {}, { 'retry-after': '1' }) : json(response, 200, {}),
    );
    const begun = performance.now();
    await clientFor(upstream.origin, TIMEOUT_MS).request(put({ idempotent: true }));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1_000);
  });

  it('beyond the deadline ends the call at once', async () => {
    const upstream = await startUpstream((_request, response) =>
      json(response, 503, {}, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }),
    );
    const begun = performance.now();
    expect(
      await faultOf(clientFor(upstream.origin, TIMEOUT_MS).request(put({ idempotent: true }))),
    ).toMatchObject({
      kind: 'status',
    });
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(upstream.calls).toHaveLength(1);
  });
});
