import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Deadline } from '../../src/platform/deadline.js';
import type { UpstreamRequest } from '../../src/platform/upstream/upstream-client.js';
import type { UpstreamFault } from '../../src/platform/upstream/upstream-fault.js';
import { MAX_ATTEMPTS } from '../../src/platform/upstream/upstream-retry.js';
import { cleanUp, clientFor, faultOf, type Handler, json, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 300;

/** Of calls that must not time out, on the busiest machine. */
const PATIENT_MS = 5_000;

const timeoutFor = (kind: UpstreamFault['kind']): number => (kind === 'timeout' ? TIMEOUT_MS : PATIENT_MS);

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

describe('upstream fault', () => {
  const faults: [string, UpstreamFault['kind'], Handler][] = [
    ['500', 'status', (_request, response) => json(response, 500, { detail: 'hunter2' })],
    ['503', 'status', (_request, response) => json(response, 503, {})],
    ['429', 'status', (_request, response) => json(response, 429, {})],
    ['408', 'status', (_request, response) => json(response, 408, {})],
    ['HTML', 'garbage', (_request, response) => response.end('<p>hunter2</p>')],
    ['HTML with 404', 'garbage', (_request, response) => response.writeHead(404).end('<p>not here</p>')],
    ['truncated JSON', 'garbage', (_request, response) => response.end('{"secret": "hunter2')],
    ['a reset', 'connection', (request) => request.socket.resetAndDestroy()],
    ['a closed connection', 'connection', (request) => request.socket.destroy()],
    [
      'a truncated body',
      'connection',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"half":');
        setImmediate(() => response.destroy());
      },
    ],
    ['a response that is not HTTP', 'garbage', (request) => request.socket.end('hunter2\r\n\r\n')],
    ['silence', 'timeout', () => undefined],
    ['headers and then silence', 'timeout', (_request, response) => response.writeHead(200).write('{')],
  ];

  it.each(faults)(
    'is reported after %s as %s: one attempt, without data that was sent or received',
    async (_, kind, handler) => {
      const upstream = await startUpstream(handler);
      const fault = await faultOf(
        clientFor(upstream.origin.replace('//', '//me:hunter2@'), timeoutFor(kind)).request(put()),
      );
      expect(fault).toMatchObject({ kind, upstream: 'test service' });
      expect(inspect(fault, { depth: 9 })).not.toContain('hunter2');
      expect(upstream.calls).toHaveLength(1);
    },
  );

  it.each(faults)(
    'after %s is retried with the same key when the call is idempotent',
    async (_, kind, handler) => {
      const upstream = await startUpstream((request, response, call) => {
        if (call < MAX_ATTEMPTS) handler(request, response, call);
        else json(response, 200, { done: true });
      });
      const answer = await clientFor(upstream.origin, timeoutFor(kind)).request(put({ idempotent: true }));
      expect(answer.body).toEqual({ done: true });
      expect(new Set(upstream.calls.map((call) => call.headers['idempotency-key']))).toEqual(
        new Set(['key-1']),
      );
    },
  );

  it('is retried at most twice', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 500, {}));
    expect(
      await faultOf(clientFor(upstream.origin, TIMEOUT_MS).request(put({ idempotent: true }))),
    ).toMatchObject({
      kind: 'status',
    });
    expect(upstream.calls).toHaveLength(MAX_ATTEMPTS);
  });

  it('is reported for a redirect, which is neither followed nor retried', async () => {
    const upstream = await startUpstream((_request, response) =>
      json(response, 307, {}, { location: '/elsewhere' }),
    );
    expect(
      await faultOf(clientFor(upstream.origin, TIMEOUT_MS).request(put({ idempotent: true }))),
    ).toMatchObject({
      kind: 'invalid',
    });
    expect(upstream.calls.map((call) => call.url)).toEqual(['/things/1']);
  });

  it('of a slow attempt is reported within the timeout of the attempt and the deadline of the call', async () => {
    const upstream = await startUpstream(() => undefined);
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    const begun = performance.now();
    await faultOf(client.request(put()));
    const one = performance.now() - begun;
    expect(one).toBeGreaterThanOrEqual(TIMEOUT_MS - 5);
    expect(one).toBeLessThan(TIMEOUT_MS + 200);
    await faultOf(client.request(put({ idempotent: true, deadline: Deadline.in(400) })));
    expect(performance.now() - begun - one).toBeLessThan(600);
  });

  it('of a kept-alive connection that was closed has an unknown outcome', async () => {
    // The second request on a connection is read and then the connection is closed, as when both ends act at once.
    const upstream = await startUpstream((request, response) => {
      const earlier = upstream.calls.length > 1;
      if (earlier) request.socket.destroy();
      else json(response, 200, {});
    });
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    await client.request(put());
    expect(await faultOf(client.request(put()))).toMatchObject({ kind: 'connection' });
    expect(upstream.calls).toHaveLength(2);
  });

  it('does not occur for a connection that was closed while it was idle', async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, {}));
    const client = clientFor(upstream.origin, TIMEOUT_MS);
    for (let count = 0; count < 20; count += 1) {
      await client.request(put());
      for (const socket of upstream.connections) socket.end();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(upstream.calls).toHaveLength(20);
  });
});
