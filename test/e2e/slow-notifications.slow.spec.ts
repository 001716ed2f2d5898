import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** The notification service of system A: a fixed number of threads, each busy for up to half a second per call. */
const THREADS = 40;
const SHORTEST_MS = 250;
const LONGEST_MS = 500;

/** Enough calls that with a fixed concurrency they would queue for longer than the timeout of a foreground call. */
const ORDERS = 600;
const CLIENTS = 32;

/** A service with a bounded number of threads: a call waits for one, and runs even if its client has disconnected. */
class ThreadedService {
  readonly told: string[] = [];
  private readonly waiting: (() => void)[] = [];
  private busy = 0;
  private readonly server = createServer((request, response) => void this.handle(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.busy >= THREADS) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.busy += 1;
    const ms = SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS);
    await new Promise((resolve) => setTimeout(resolve, ms));
    const { order_id: orderId, status } = JSON.parse(Buffer.concat(chunks).toString()) as {
      order_id: string;
      status: string;
    };
    this.told.push(`${orderId} ${status}`);
    this.busy -= 1;
    this.waiting.shift()?.();
    const body = { notification_id: orderId, message: 'sent', type: 'email', timestamp: new Date() };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

const notifications = new ThreadedService();
let services: [TestService, TestService];

beforeAll(async () => {
  const settings = { NOTIFICATION_SERVICE_URL: await notifications.listen() };
  const first = await startTestService({ settings });
  services = [first, await startTestService({ settings, beside: first })];
});

afterAll(async () => {
  await services[1].stop();
  await services[0].stop();
  await notifications.close();
});

it('notifies each customer once when the notification service is slow and has few threads', async () => {
  const [first, second] = services;
  const product = newProduct(first.sandbox, ORDERS);
  let remaining = ORDERS;
  const client = async (service: TestService): Promise<void> => {
    while (remaining-- > 0) await placeOrder(service, orderBody([line(product, 1)]));
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n % 2 === 0 ? first : second)));

  await eventually(() => new Set(notifications.told).size === ORDERS, 60_000);
  // A call that was abandoned and sent again would arrive within the timeout of a background call.
  const late = await eventually(() => notifications.told.length > ORDERS, 12_000).catch(() => false);
  expect(late).toBe(false);
  expect(notifications.told).toHaveLength(ORDERS);
}, 120_000);
