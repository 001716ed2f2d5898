import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_PIPELINED } from '../../src/platform/http/input/pipelined-requests.js';
import { orderBody } from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { openConnection, readAll, sendText } from './raw-http.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

/** The first request, and those that may wait for it. */
const MOST = MAX_PIPELINED + 1;

const LIVE = 'GET /health/live HTTP/1.1\r\nhost: x\r\n';

function statuses(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => String(status));
}

function placeOrder(): string {
  const body = JSON.stringify(orderBody());
  return `POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

describe('requests that are sent before the response to an earlier one', () => {
  it('are answered in their order, again and again', async () => {
    const socket = await openConnection(service.url);
    const answers = readAll(socket);
    let received = 0;
    socket.on('data', (data: string) => (received += statuses(data).length));
    for (let round = 1; round <= 3; round += 1) {
      socket.write(`${LIVE}\r\n`.repeat(MOST - 1) + placeOrder());
      await eventually(() => received === MOST * round);
    }
    socket.end();
    const round = [...Array.from({ length: MOST - 1 }, () => '200'), '201'];
    expect(statuses(await answers)).toEqual([...round, ...round, ...round]);
  });

  it.each([
    ['without a body', `${LIVE}\r\n`],
    ['with a body', placeOrder()],
    ['that the router can not read', 'GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n'],
  ])('end the connection where too many wait: %s', async (_name, beyond) => {
    const text = await sendText(
      service.url,
      placeOrder() + `${LIVE}\r\n`.repeat(MAX_PIPELINED) + beyond.repeat(100),
    );
    const answers = statuses(text);
    expect(answers).toHaveLength(MOST + 1);
    expect(answers.slice(0, MOST)).toEqual(['201', ...Array.from({ length: MAX_PIPELINED }, () => '200')]);
    expect(Number(answers.at(-1))).toBeGreaterThanOrEqual(400);
    expect(text.match(/connection: close/gi)).toHaveLength(1);
  });

  it('leave the parser of an ended connection usable for the next one', async () => {
    for (let count = 0; count < 5; count += 1) {
      expect(statuses(await sendText(service.url, `${LIVE}\r\n`.repeat(1_000)))).toHaveLength(MOST + 1);
      expect(statuses(await sendText(service.url, `${LIVE}connection: close\r\n\r\n`))).toEqual(['200']);
    }
  });
});
