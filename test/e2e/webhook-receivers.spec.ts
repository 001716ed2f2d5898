import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { placeOrder } from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { isInstalled, type Language, TestReceiver } from '../support/receivers/receiver-process.js';
import { WebhookRelay } from '../support/receivers/webhook-relay.js';

/** A start of a process and a pause between two attempts, on a busy machine. */
const TEST_MS = 60_000;

/** Shorter than a person would wait for a late event. */
const GAP_SECONDS = '1';

let service: TestService;
let receiver: TestReceiver | undefined;
let relay: WebhookRelay | undefined;

beforeAll(async () => {
  service = await startTestService();
}, TEST_MS);
afterAll(() => service.stop());
afterEach(async () => {
  await relay?.close();
  await receiver?.close();
});

interface Setup {
  receiver: TestReceiver;
  relay: WebhookRelay;
  endpoint: { id: string; secret: string; read_until: number };
  settings: Record<string, string>;
}

/** An endpoint whose deliveries go through a relay to a receiver, which is not started yet. */
async function setUp(language: Language, events?: string[]): Promise<Setup> {
  receiver = await TestReceiver.create(language);
  relay = await WebhookRelay.start(receiver.port);
  const { status, body } = await service.request('POST', '/webhooks', {
    url: relay.url,
    ...(events && { events }),
  });
  expect(status).toBe(201);
  const settings = {
    WEBHOOK_SECRET: body.secret,
    SINCE: String(body.read_until),
    SERVICE_URL: service.url,
    GAP_SECONDS,
    ...(events && { EVENT_TYPES: events.join(',') }),
  };
  return { receiver, relay, endpoint: body, settings };
}

const place = () => placeOrder(service);

/** Waits until the receiver has done the work for these orders. */
const untilPacked = (orders: string[]) =>
  eventually(() => orders.every((id) => receiver?.packed().includes(id)), TEST_MS / 2);

async function post(port: number, body: string, headers: Record<string, string>): Promise<number> {
  const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers });
  return status;
}

/** Sends the head of a request without its body. @returns the status of the answer, which must not wait for the body */
async function statusOfUnsent(port: number, header: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(5_000, () => socket.destroy(new Error('no answer came')));
  socket.write(`POST / HTTP/1.1\r\nHost: receiver\r\n${header}\r\n\r\n`);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(chunk.toString().split(' ')[1]);
}

function signed(secret: string, id: string, at: Date, body: string): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

describe.each<Language>(['TypeScript', 'Python'])('the webhook receiver in %s', (language) => {
  if (!isInstalled(language))
    process.stderr.write(`SKIPPED: python3 is missing, so its receiver is not run\n`);
  const itRuns = isInstalled(language) ? it : it.skip;

  itRuns(
    'handles every event once, those of an order in their order',
    async () => {
      const tested = await setUp(language);
      await tested.receiver.start(tested.settings);
      const orders = await Promise.all([place(), place(), place()]);
      await untilPacked(orders);
      expect(tested.receiver.packed().toSorted()).toEqual(orders.toSorted());
      for (const id of orders) {
        const ids = tested.receiver.received().map((event) => event.id);
        expect(ids.filter((event) => event.startsWith(id))).toEqual([`${id}/1`, `${id}/2`]);
      }
      expect(tested.receiver.output).not.toContain('filled');
    },
    TEST_MS,
  );

  itRuns(
    'refuses deliveries that are forged, changed, old or unsigned',
    async () => {
      const { receiver: tested, settings, endpoint } = await setUp(language);
      await tested.start(settings);
      const event = { id: 'a/1', feed_no: 1, previous_feed_no: null, type: 'order.confirmed', order_id: 'a' };
      const body = JSON.stringify(event);
      const now = new Date();
      const stranger = `whsec_${Buffer.from('not the secret of this endpoint').toString('base64')}`;
      const old = new Date(now.getTime() - 3_600_000);
      expect(await post(tested.port, body, signed(stranger, 'a/1', now, body))).toBe(401);
      expect(await post(tested.port, `${body} `, signed(endpoint.secret, 'a/1', now, body))).toBe(401);
      expect(await post(tested.port, body, signed(endpoint.secret, 'a/1', old, body))).toBe(401);
      expect(await post(tested.port, body, {})).toBe(401);
      expect(tested.received()).toEqual([]);
      expect(await post(tested.port, body, signed(endpoint.secret, 'a/1', now, body))).toBeLessThan(300);
      expect(tested.packed()).toEqual(['a']);
    },
    TEST_MS,
  );

  itRuns.each([
    ['without a length', 'Transfer-Encoding: chunked', 411],
    ['that are too large', 'Content-Length: 1000001', 413],
    ['with a negative length', 'Content-Length: -1', undefined],
  ])(
    'refuses bodies %s before it reads them',
    async (_what, header, status) => {
      const { receiver: tested, settings } = await setUp(language);
      await tested.start(settings);
      const answered = await statusOfUnsent(tested.port, header);
      if (status === undefined) expect([400, 411]).toContain(answered);
      else expect(answered).toBe(status);
    },
    TEST_MS,
  );

  itRuns(
    'verifies a test event, and deliveries after a rotation with the old secret',
    async () => {
      const tested = await setUp(language);
      await tested.receiver.start(tested.settings);
      const { body } = await service.request('POST', `/webhooks/${tested.endpoint.id}/test`);
      expect(body).toMatchObject({ delivered: true, error: null });
      expect(tested.receiver.received()).toEqual([]);
      const path = `/webhooks/${tested.endpoint.id}/rotate-secret`;
      const rotated = await service.request('POST', path, { valid_hours: 1 });
      expect(rotated.status).toBe(200);
      expect(rotated.body.secret).not.toBe(tested.endpoint.secret);
      const id = await place();
      await untilPacked([id]);
    },
    TEST_MS,
  );

  itRuns(
    'does the work once when it is killed between its commit and its answer',
    async () => {
      const tested = await setUp(language, ['order.confirmed']);
      await tested.receiver.start(tested.settings, true);
      const id = await place();
      expect(await tested.receiver.untilKilled()).toBe('SIGKILL');
      expect(tested.receiver.packed()).toEqual([id]);
      await tested.receiver.start(tested.settings);
      const again = await eventually(
        () => tested.relay.relayed.find(({ outcome }) => typeof outcome === 'number'),
        TEST_MS / 2,
      );
      expect(again.outcome).toBeLessThan(300);
      expect(new Set(tested.relay.relayed.map((delivery) => delivery.id))).toEqual(new Set([`${id}/2`]));
      expect(tested.relay.relayed.length).toBeGreaterThan(1);
      expect(tested.receiver.packed()).toEqual([id]);
    },
    TEST_MS,
  );

  itRuns(
    'detects that an event was lost after its answer, and reads it from the feed',
    async () => {
      const tested = await setUp(language, ['order.confirmed']);
      await tested.receiver.start(tested.settings);
      const first = await place();
      await untilPacked([first]);
      tested.relay.loses = () => true;
      const lost = await place();
      await eventually(() => tested.relay.relayed.some(({ outcome }) => outcome === 'lost'));
      tested.relay.loses = () => false;
      const last = await place();
      await untilPacked([lost, last]);
      expect(tested.receiver.packed()).toEqual([first, last, lost]);
      expect(tested.relay.relayed.filter(({ orderId }) => orderId === lost)).toHaveLength(1);
      // Events of other types are between those of the endpoint: they are no gaps.
      await eventually(() => tested.receiver.output.includes('filled the gap'));
      expect(tested.receiver.output.match(/filled the gap/g)).toHaveLength(1);
    },
    TEST_MS,
  );

  itRuns(
    'reads the first events of its endpoint when they were lost',
    async () => {
      const tested = await setUp(language);
      tested.relay.loses = () => true;
      await tested.receiver.start(tested.settings);
      const lost = [await place(), await place()];
      await eventually(() => tested.relay.relayed.length === 4);
      tested.relay.loses = () => false;
      const last = await place();
      await untilPacked([...lost, last]);
      expect(tested.receiver.received().filter(({ id }) => !id.startsWith(last))).toEqual(
        tested.receiver
          .received()
          .filter(({ id }) => !id.startsWith(last))
          .toSorted((one, other) => one.feed_no - other.feed_no),
      );
    },
    TEST_MS,
  );
});
