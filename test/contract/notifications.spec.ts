import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import axios from 'axios';
import { loadSettings } from '../../src/config/load-settings.js';
import { HttpNotifications } from '../../src/notifications/http-notifications.js';
import { Deadline } from '../../src/platform/deadline.js';
import { UndiciTransport } from '../../src/platform/upstream/undici-transport.js';
import { UpstreamFault } from '../../src/platform/upstream/upstream-fault.js';
import type { FaultRule } from '../../sandbox/faults.js';
import { startSandbox } from '../../sandbox/sandbox.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { cleanUp, startUpstream } from './upstream-stub.js';

const MESSAGE = {
  orderId: '0196-order',
  customerName: 'Alice Johnson',
  customerEmail: 'alice@example.com',
  status: 'confirmed',
};

let sandbox: Sandbox;
let notifications: HttpNotifications;
const transport = new UndiciTransport();

function notificationsAt(url: string): HttpNotifications {
  const settings = loadSettings({
    DATABASE_URL: 'postgres://localhost/orders',
    NOTIFICATION_SERVICE_URL: url,
  });
  return new HttpNotifications(new HttpService(axios.create(transport.axiosDefaults())), settings);
}

beforeAll(async () => {
  sandbox = await startSandbox({
    ports: { notification: 0 },
    services: ['notification'],
    delaysMs: { notification: 0 },
  });
  notifications = notificationsAt(sandbox.urls.notification);
});
beforeEach(() => sandbox.reset());
afterAll(async () => {
  await cleanUp();
  await transport.onApplicationShutdown();
  await sandbox.close();
});

async function send(key = 'key'): Promise<UpstreamFault | null> {
  const error: unknown = await notifications.send(MESSAGE, key, Deadline.in(2_000)).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error === null || error instanceof UpstreamFault) return error;
  throw error;
}

const calls = (): number => sandbox.services.notification.calls.total;

describe('Notification Service adapter', () => {
  it('sends the message with its idempotency key', async () => {
    expect(await send()).toBeNull();
    expect(sandbox.notifications.messages.all()).toMatchObject([
      {
        key: 'key',
        order_id: '0196-order',
        customer_name: 'Alice Johnson',
        customer_email: 'alice@example.com',
        status: 'confirmed',
        delivered: true,
      },
    ]);
  });

  it('delivers one message per key', async () => {
    await send('one');
    await send('one');
    await send('two');
    const delivered = sandbox.notifications.messages.all().filter((message) => message.delivered);
    expect(delivered.map(({ key }) => key)).toEqual(['one', 'two']);
  });

  it.each<[FaultRule, string]>([
    [{ kind: 'status', status: 500 }, 'status'],
    [{ kind: 'status', status: 429 }, 'status'],
    [{ kind: 'status', status: 400 }, 'invalid'],
    [{ kind: 'status', status: 404 }, 'invalid'],
    [{ kind: 'garbage' }, 'garbage'],
    [{ kind: 'truncate' }, 'connection'],
    [{ kind: 'reset', when: 'after' }, 'connection'],
    [{ kind: 'hang', when: 'before' }, 'timeout'],
    [{ kind: 'hang', when: 'after' }, 'timeout'],
  ])('calls once when %j, and reports a fault of kind %s without personal data', async (rule, kind) => {
    sandbox.services.notification.faults.add(rule);
    const fault = await send();
    expect(fault).toMatchObject({ kind, upstream: 'notification service' });
    expect(calls()).toBe(1);
    expect(fault?.message).not.toMatch(/alice/i);
  });

  it.each([200, 201, 202, 204])('treats %i without a body as success', async (status) => {
    const upstream = await startUpstream((_request, response) => response.writeHead(status).end());
    await notificationsAt(upstream.origin).send(MESSAGE, 'key', Deadline.in(2_000));
    expect(upstream.calls).toHaveLength(1);
  });

  it('reports a refused connection as not sent', async () => {
    const closed = await startSandbox({ ports: { notification: 0 }, services: ['notification'] });
    const url = closed.urls.notification;
    await closed.close();
    await expect(notificationsAt(url).send(MESSAGE, 'key', Deadline.in(2_000))).rejects.toMatchObject({
      kind: 'not_sent',
    });
  });

  it('does not call after the deadline', async () => {
    await expect(notifications.send(MESSAGE, 'key', Deadline.in(0))).rejects.toMatchObject({
      kind: 'not_sent',
    });
    expect(calls()).toBe(0);
  });
});
