import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { createWebhook } from '../support/webhook-api.js';
import { isSignedWith, type ReceivedCall, WebhookReceiver } from '../support/webhook-receiver.js';

const KEY = randomBytes(32).toString('base64');
const HOUR = 3_600_000;

let service: TestService;
let receiver: WebhookReceiver;

beforeAll(async () => {
  service = await startTestService();
  receiver = await WebhookReceiver.start();
});
afterAll(async () => {
  await service.stop();
  await receiver.close();
});

const storedSecrets = async () => {
  const rows = await queryDatabase<{ secrets: { secret: string }[] }>(
    service.database.url,
    `SELECT secrets FROM webhook_endpoints WHERE state <> 'deleted' ORDER BY created_at`,
  );
  return rows.flatMap(({ secrets }) => secrets.map(({ secret }) => secret));
};

const rotate = (id: string, body?: object) => service.request('POST', `/webhooks/${id}/rotate-secret`, body);

/** The call that a test of an endpoint makes. Deliveries of events may come beside it. */
async function testCall(id: string, on = service): Promise<ReceivedCall> {
  const { body } = await on.request('POST', `/webhooks/${id}/test`);
  expect(body).toMatchObject({ delivered: true });
  const isTest = ({ headers }: ReceivedCall) => String(headers['webhook-id']).startsWith(`${id}/test/`);
  const call = receiver.calls.findLast(isTest);
  if (!call) throw new Error('no call came');
  return call;
}

const removeAll = () => queryDatabase(service.database.url, `DELETE FROM webhook_endpoints`);

/** Starts another instance with the same database. */
const start = (key?: string) =>
  startTestService({ beside: service, settings: key === undefined ? {} : { WEBHOOK_SECRET_KEY: key } });

describe('secret of a webhook', () => {
  it('is shown once, and in no other response', async () => {
    const { id, secret } = await createWebhook(service, { url: receiver.url });
    const rotated = await rotate(id);
    const answers = [
      await service.request('GET', `/webhooks/${id}`),
      await service.request('GET', '/webhooks'),
      await service.request('PATCH', `/webhooks/${id}`, { description: 'ERP' }),
      await service.request('POST', `/webhooks/${id}/disable`),
      await service.request('POST', `/webhooks/${id}/enable`),
      await service.request('POST', `/webhooks/${id}/test`),
      await service.request('GET', `/webhooks/${id}/deliveries`),
    ];
    const text = JSON.stringify(answers.map(({ body }) => body));
    expect(text).not.toContain('whsec_');
    for (const shown of [secret, rotated.body.secret]) expect(text).not.toContain(shown.slice(6));
  });

  it('is in no export, figure or metric', async () => {
    const product = newProduct(service.sandbox);
    await createWebhook(service, { url: receiver.url });
    await placeOrder(service, orderBody([line(product)]));
    const paths = ['/orders/export?format=ndjson', '/operations/figures?window=hour', '/metrics', '/events'];
    const bodies = await Promise.all(paths.map((path) => service.request('GET', path)));
    expect(JSON.stringify(bodies.map(({ body }) => body))).not.toContain('whsec_');
  });
});

describe('POST /webhooks/{webhook_id}/rotate-secret', () => {
  it('signs with both secrets until the old one ends', async () => {
    const { id, secret: old } = await createWebhook(service, { url: receiver.url });
    const { status, body } = await rotate(id, { valid_hours: 2 });
    expect(status).toBe(200);
    expect(body.secrets).toHaveLength(2);
    expect(body.secrets[0].valid_until).toBeNull();
    const validMs = Date.parse(body.secrets[1].valid_until) - Date.parse(body.secrets[0].created_at);
    expect(validMs).toBe(2 * HOUR);
    const both = await testCall(id);
    expect([isSignedWith(body.secret, both), isSignedWith(old, both)]).toEqual([true, true]);
    await queryDatabase(
      service.database.url,
      `UPDATE webhook_endpoints SET secrets = json_build_array(secrets->0,
         (secrets->1)::jsonb || jsonb_build_object('valid_until', now() - interval '1 s')) WHERE id = $1`,
      [id],
    );
    const one = await testCall(id);
    expect([isSignedWith(body.secret, one), isSignedWith(old, one)]).toEqual([true, false]);
  });

  it('lets the old secret sign for a day by default', async () => {
    const { id } = await createWebhook(service);
    const { body } = await rotate(id);
    const [current, old] = body.secrets;
    expect(Date.parse(old.valid_until) - Date.parse(current.created_at)).toBe(24 * HOUR);
  });

  it('ends all earlier secrets at once with 0 hours', async () => {
    const { id, secret: first } = await createWebhook(service, { url: receiver.url });
    const second = await rotate(id);
    const third = await rotate(id, { valid_hours: 0 });
    expect(third.body.secrets).toHaveLength(1);
    const call = await testCall(id);
    const secrets = [first, second.body.secret, third.body.secret];
    expect(secrets.map((secret) => isSignedWith(secret, call))).toEqual([false, false, true]);
  });

  it('returns 409 when five secrets are valid', async () => {
    const { id } = await createWebhook(service);
    for (let count = 1; count < 5; count += 1) expect((await rotate(id)).status).toBe(200);
    const refused = await rotate(id);
    expectProblem(refused, 409);
    expect(refused.body.type).toBe('/problems/too-many-secrets');
    expect((await rotate(id, { valid_hours: 0 })).status).toBe(200);
  });

  it('loses no secret to a concurrent rotation', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    const answers = await Promise.all([rotate(id), rotate(id), rotate(id)]);
    const call = await testCall(id);
    expect(answers.map(({ body }) => isSignedWith(body.secret, call))).toEqual([true, true, true]);
  });

  it('signs deliveries of the feed with the new secret', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    const { body } = await rotate(id, { valid_hours: 0 });
    const order = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    const isOurs = (call: ReceivedCall) =>
      call.headers['webhook-id'] === `${order}/2` && isSignedWith(body.secret, call);
    await eventually(() => receiver.calls.some(isOurs));
  });
});

describe('WEBHOOK_SECRET_KEY', () => {
  it('encrypts stored secrets, which sign as before', async () => {
    await removeAll();
    const encrypting = await start(KEY);
    const { id, secret } = await createWebhook(encrypting, { url: receiver.url });
    expect(await storedSecrets()).toEqual([expect.stringMatching(/^v1:/)]);
    expect(isSignedWith(secret, await testCall(id, encrypting))).toBe(true);
    await encrypting.stop();
    // Another start with the same key.
    await (await start(KEY)).stop();
  });

  it.each([
    ['another key', randomBytes(32).toString('base64'), /WEBHOOK_SECRET_KEY: has not the key with which/],
    ['no key', undefined, /WEBHOOK_SECRET_KEY: is needed: the secrets of the webhook endpoint/],
  ])('refuses to start with %s than the stored secrets have', async (_name, key, message) => {
    await removeAll();
    const encrypting = await start(KEY);
    await createWebhook(encrypting);
    await encrypting.stop();
    await expect(start(key)).rejects.toThrow(message);
    await removeAll();
  });

  it('encrypts the secrets from before it was set, at the start', async () => {
    await removeAll();
    const { id, secret } = await createWebhook(service, { url: receiver.url });
    expect(await storedSecrets()).toEqual([secret]);
    const encrypting = await start(KEY);
    expect(await storedSecrets()).toEqual([expect.stringMatching(/^v1:/)]);
    expect(isSignedWith(secret, await testCall(id, encrypting))).toBe(true);
    await encrypting.stop();
    await removeAll();
  });

  it('is replaced by a list: the first key encrypts, all decrypt, and the old one can go after a start', async () => {
    await removeAll();
    const old = await start(KEY);
    const { id, secret } = await createWebhook(old, { url: receiver.url });
    const other = randomBytes(32).toString('base64');
    // Knows the other key, and does not use it yet.
    const first = await start(`${KEY},${other}`);
    const stored = await storedSecrets();
    const second = await start(`${other},${KEY}`);
    expect(await storedSecrets()).not.toEqual(stored);
    for (const on of [first, second]) expect(isSignedWith(secret, await testCall(id, on))).toBe(true);
    for (const each of [old, first, second]) await each.stop();
    const last = await start(other);
    expect(isSignedWith(secret, await testCall(id, last))).toBe(true);
    await last.stop();
    await expect(start(KEY)).rejects.toThrow('WEBHOOK_SECRET_KEY: has not the key with which');
    await removeAll();
  });

  it.each(['short', 'A'.repeat(44), randomBytes(16).toString('base64')])(
    'must be 32 bytes in base64: %s',
    async (key) => {
      await expect(start(key)).rejects.toThrow('WEBHOOK_SECRET_KEY: must be 32 bytes in base64');
    },
  );
});
