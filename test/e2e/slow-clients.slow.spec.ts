import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConnectionLimits } from '../../src/platform/http/edge/connection-limits.js';
import { expectProblem, line, orderBody, placeOrder, setStock } from '../support/builders.js';
import { beginUntraced, expectNoTrace } from '../support/no-trace.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { openConnection, parseAnswer, readAll } from './raw-http.js';

/** As in production, with shorter times. */
const LIMITS: ConnectionLimits = { headMs: 300, requestMs: 600, idleMs: 500, silentMs: 3_000, checkMs: 50 };

/** Shorter than any limit, so that no single pause ends the connection. */
const TRICKLE_MS = 40;

const HEAD = 'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ limits: LIMITS });
});

beforeEach(() => beginUntraced(service));

afterAll(() => service.stop());

/**
 * Sends a beginning, and then one piece after another as long as the service accepts them.
 *
 * @returns everything that the service answered until it closed the connection
 */
async function trickle(beginning: string, nextPiece: () => string): Promise<string> {
  const socket = await openConnection(service.url);
  const answer = readAll(socket);
  socket.write(beginning);
  const timer = setInterval(() => socket.writable && socket.write(nextPiece()), TRICKLE_MS);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}

describe('slow request is cut off with an error response:', () => {
  it('408 for headers that arrive one by one', async () => {
    const answer = parseAnswer(await trickle('GET /orders HTTP/1.1\r\nhost: x\r\n', () => 'x: y\r\n'));
    expectProblem(answer, 408);
    expect(answer.body['type']).toBe('/problems/request-timeout');
  });

  it('408 for an idle connection', async () => {
    expectProblem(parseAnswer(await trickle('', () => '')), 408);
  });

  it('408 for a body that arrives byte by byte', async () => {
    const answer = parseAnswer(
      await trickle(`${HEAD}x-request-id: slow-one\r\ncontent-length: 1000\r\n\r\n{`, () => ' '),
    );
    expectProblem(answer, 408);
    expect(answer.headers.get('x-request-id')).toBe('slow-one');
    await expectNoTrace(service);
  });

  it('408 for a chunked body that arrives chunk by chunk', async () => {
    const answer = await trickle(`${HEAD}transfer-encoding: chunked\r\n\r\n`, () => '1\r\n \r\n');
    expectProblem(parseAnswer(answer), 408);
    await expectNoTrace(service);
  });

  it('413 for an endless body', async () => {
    const chunk = `2000\r\n${' '.repeat(0x2000)}\r\n`;
    const answer = parseAnswer(await trickle(`${HEAD}transfer-encoding: chunked\r\n\r\n`, () => chunk));
    expectProblem(answer, 413);
    await expectNoTrace(service);
  });

  it('415 and a close for a body that continues after the response', async () => {
    const answer = await trickle(
      `${HEAD}content-encoding: gzip\r\ncontent-length: 1000000\r\n\r\n`,
      () => 'x',
    );
    expectProblem(parseAnswer(answer), 415);
    await expectNoTrace(service);
  });
});

describe('client that does not read', () => {
  it('is disconnected, and holds no resources', async () => {
    setStock(service.sandbox, 'PROD001', 100_000);
    const items = Array.from({ length: 40 }, () => line('PROD001'));
    for (let count = 0; count < 20; count += 1) await placeOrder(service, orderBody(items));
    const socket = await openConnection(service.url);
    socket.on('error', () => {});
    socket.pause();
    const request = 'GET /orders?limit=200 HTTP/1.1\r\nhost: x\r\n\r\n';
    // More than the buffers of both ends hold.
    for (let count = 0; count < 400; count += 1) socket.write(request);
    const connections = () =>
      new Promise<number>((resolve, reject) => {
        service.app.getHttpServer().getConnections((error: Error | null, count: number) => {
          if (error) reject(error);
          else resolve(count);
        });
      });
    await eventually(async () => (await connections()) === 0);
    socket.destroy();
  });
});

describe('keep-alive connection', () => {
  it('is kept between requests, and closed after the idle timeout', async () => {
    const socket = await openConnection(service.url);
    const answer = readAll(socket);
    const request = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n';
    socket.write(request);
    await sleep(LIMITS.idleMs / 5);
    socket.write(request);
    expect((await answer).match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  });

  it('gets the response to a valid request, and none to the malformed one behind it', async () => {
    const socket = await openConnection(service.url);
    const answer = readAll(socket);
    const body = JSON.stringify(orderBody([line('PROD002')]));
    socket.write(`${HEAD}content-length: ${body.length}\r\n\r\n${body}nonsense\r\n\r\n`);
    const text = await answer;
    expect(text).toMatch(/^HTTP\/1\.1 201 /);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});
