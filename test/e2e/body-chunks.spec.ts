import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BODY_LIMIT_BYTES } from '../../src/platform/http/input/json-body.js';
import { BYTES_PER_CHUNK, MAX_CHUNKS } from '../../src/platform/http/input/body-chunks.js';
import { orderBody } from '../support/builders.js';
import { startTestService, type TestService } from '../support/service.js';
import { openConnection, parseAnswer, readAll, sendText } from './raw-http.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

const HEAD = 'POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n';

/** A request for a valid order in a number of chunks: chunks of spaces, and the order in the last one. */
function chunked(count: number, bytes = 1): string {
  const text = JSON.stringify(orderBody());
  const spaces = `${bytes.toString(16)}\r\n${' '.repeat(bytes)}\r\n`.repeat(count - 1);
  const rest = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  return `${HEAD}transfer-encoding: chunked\r\n\r\n${spaces}${rest}`;
}

/** Sends a request whose body arrives in pieces of a byte. */
async function sendByteByByte(head: string, body: string): Promise<string> {
  const connected = once(service.app.getHttpServer(), 'connection') as Promise<[Socket]>;
  const socket = (await openConnection(service.url)).setNoDelay(true);
  const [received] = await connected;
  const answer = readAll(socket);
  let sent = 0;
  for (const part of [head, ...body]) {
    socket.write(part);
    sent += part.length;
    while (received.bytesRead < sent && !received.destroyed) await nextTurn();
    if (received.destroyed) break;
  }
  return answer;
}

describe('a body in very many chunks', () => {
  it('is accepted up to 1,000 chunks of a byte', async () => {
    expect(parseAnswer(await sendText(service.url, chunked(MAX_CHUNKS))).status).toBe(201);
  });

  it('is accepted up to the limit of a body in chunks of 64 bytes', async () => {
    const count = BODY_LIMIT_BYTES / BYTES_PER_CHUNK - 10;
    expect(parseAnswer(await sendText(service.url, chunked(count, BYTES_PER_CHUNK))).status).toBe(201);
  });

  it.each([MAX_CHUNKS + 50, 90_000])('is refused with %i, like one that is too large', async (count) => {
    const answer = parseAnswer(await sendText(service.url, chunked(count)));
    expect(answer.status).toBe(413);
    expect(answer.headers.get('connection')).toBe('close');
  });

  it('is refused also where it has a length and arrives byte by byte', async () => {
    const body = JSON.stringify(orderBody()).padEnd(MAX_CHUNKS + 100);
    const answer = await sendByteByByte(`${HEAD}content-length: ${body.length}\r\n\r\n`, body);
    expect(parseAnswer(answer).status).toBe(413);
  });

  it('leaves the parser of its connection usable for the next one', async () => {
    for (let count = 0; count < 5; count += 1) {
      expect(parseAnswer(await sendText(service.url, chunked(10_000))).status).toBe(413);
      expect(parseAnswer(await sendText(service.url, chunked(2))).status).toBe(201);
    }
  });

  it.each(['GET /orders?limit=1', 'GET /health/live', 'GET /%zz', 'POST /unknown', 'POST /orders'])(
    'is not read to its end where no handler reads it: %s',
    async (line) => {
      const head = `${line} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n`;
      const server = service.app.getHttpServer();
      const connected = once(server, 'connection') as Promise<[Socket]>;
      // The end is missing, as in an endless body.
      const answering = sendText(service.url, head + '1\r\n \r\n'.repeat(200_000));
      const [socket] = await connected;
      if (!socket.closed) await once(socket, 'close');
      await answering;
      expect(socket.bytesRead).toBeLessThan(250_000);
    },
  );
});

it('requests that are sent at once may have as many chunks as one', async () => {
  const request = chunked(MAX_CHUNKS / 2 - 10).replace('connection: close\r\n', '');
  const text = await sendText(service.url, request.repeat(5));
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
  expect(statuses).toEqual(['201', '201', '413']);
});
