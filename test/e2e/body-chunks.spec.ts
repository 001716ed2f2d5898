import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderBody } from '../support/builders.js';
import { startTestService, type TestService } from '../support/service.js';
import { parseAnswer, sendText } from './raw-http.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

/** A request for a valid order in a number of chunks: one-byte chunks, and the order in the last one. */
function chunked(count: number): string {
  const text = JSON.stringify(orderBody());
  const spaces = '1\r\n \r\n'.repeat(count - 1);
  const head = 'POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n';
  const rest = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  return `${head}transfer-encoding: chunked\r\n\r\n${spaces}${rest}`;
}

describe('a body in very many chunks', () => {
  it('is accepted up to 10,000 chunks', async () => {
    expect(parseAnswer(await sendText(service.url, chunked(10_000))).status).toBe(201);
  });

  it('is refused beyond, like one that is too large', async () => {
    const answer = parseAnswer(await sendText(service.url, chunked(90_000)));
    expect(answer.status).toBe(413);
    expect(answer.headers.get('connection')).toBe('close');
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
