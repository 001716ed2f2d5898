import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/builders.js';
import { API_KEYS, type Headers, knownCallers } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestService } from '../support/service.js';
import { createWebhook, NOWHERE } from '../support/webhook-api.js';

let issuer: TestIssuer;
let service: TestService;
let production: TestService;
let admin: Headers;
let id = '';

beforeAll(async () => {
  issuer = await TestIssuer.start();
  service = await startTestService();
  production = await startTestService({
    beside: service,
    settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS, NODE_ENV: 'production' },
  });
  ({ admin } = await knownCallers(issuer));
  ({ id } = await createWebhook(service));
});
afterAll(async () => {
  await production.stop();
  await service.stop();
  await issuer.close();
});

/** Values of each field that are wrong, and the beginning of the message about each. */
const WRONG_FIELDS: [field: string, value: unknown, message: string][] = [
  ['url', 7, 'must be text'],
  ['url', '', 'must be an http(s) URL'],
  ['url', 'erp.shop.example/webhooks', 'must be an http(s) URL'],
  ['url', 'ftp://erp.shop.example/', 'must be an http(s) URL'],
  ['url', 'javascript:alert(1)', 'must be an http(s) URL'],
  ['url', 'https://erp.shop.example/a b', 'must be an http(s) URL'],
  ['url', ' https://erp.shop.example/', 'must be an http(s) URL'],
  ['url', 'https://ërp.shop.example/', 'must be an http(s) URL'],
  ['url', 'https://', 'must be an http(s) URL'],
  ['url', 'https://user@erp.shop.example/', 'must not have a user name'],
  ['url', 'https://:password@erp.shop.example/', 'must not have a user name'],
  ['url', 'https://erp.shop.example/#part', 'must not have a fragment'],
  ['url', 'https://erp.shop.example/#', 'must not have a fragment'],
  ['url', `https://erp.shop.example/${'a'.repeat(2_000)}`, 'must have at most 2000 characters'],
  ['events', 'order.placed', 'must be a list'],
  ['events', [], 'must have at least one type'],
  ['events', ['order.placed', 'order.unknown'], 'has unknown event types: "order.unknown"'],
  ['events', [7, { a: 1 }], 'has unknown event types: not text, not text'],
  ['events', Array.from({ length: 1_000 }, () => 'order.placed'), 'must have at most 19 types'],
  ['description', 7, 'must be text'],
  ['description', ' ', 'must not be blank'],
  ['description', 'a\nb', 'must be text without control characters'],
  ['description', 'a'.repeat(201), 'must have at most 200 characters'],
  ['secret', 'whsec_mine', 'is not a known field'],
  ['state', 'disabled', 'is not a known field'],
];

const ROTATIONS: [value: unknown, message: string][] = [
  [-1, 'must be at least 0'],
  [169, 'must be at most 168'],
  [1.5, 'must be a whole number'],
  ['24', 'must be a whole number'],
  [null, 'must be a whole number'],
];

const REPLAYS: [field: string, body: object][] = [
  ['after', {}],
  ['after', { after: null }],
  ['after', { after: -1 }],
  ['after', { after: 1.5 }],
  ['after', { after: '1' }],
  ['after', { after: '2026-02-30T00:00:00Z' }],
  ['after', { after: '2026-01-31' }],
  ['after', { after: '2026-01-31T12:00:00' }],
  ['after', { after: 2 ** 53 }],
  ['until', { after: 0, until: null }],
  ['until', { after: 0, until: 'now' }],
  ['from', { after: 0, from: 1 }],
];

const QUERIES: [field: string, query: string][] = [
  ['state', 'state=sent'],
  ['limit', 'limit=0'],
  ['limit', 'limit=201'],
  ['cursor', 'cursor=x'],
  ['cursor', 'cursor=1.01a1ffe2-9b80-748a-ba30-787d85a2b441'],
  ['order_id', 'order_id=1'],
];

const errorsIn = (body: { errors?: { field: string; message: string }[] }) => body.errors ?? [];

describe('body of a webhook', () => {
  it.each(WRONG_FIELDS)('is refused with a wrong %s: %j', async (field, value, message) => {
    const created = await service.request('POST', '/webhooks', { url: NOWHERE, [field]: value });
    expectProblem(created, 400, [field]);
    expect(errorsIn(created.body)[0]?.message.slice(0, message.length)).toBe(message);
    const updated = await service.request('PATCH', `/webhooks/${id}`, { [field]: value });
    expectProblem(updated, 400, [field]);
    expect(updated.body.errors).toEqual(created.body.errors);
  });

  it('is refused with every wrong field named', async () => {
    const body = { url: 7, events: ['x'], description: '', unknown: 1 };
    const fields = ['url', 'events', 'description', 'unknown'];
    expectProblem(await service.request('POST', '/webhooks', body), 400, fields);
  });

  it('needs a URL, which can not be removed', async () => {
    expectProblem(await service.request('POST', '/webhooks', {}), 400, ['url']);
    expectProblem(await service.request('PATCH', `/webhooks/${id}`, { url: null }), 400, ['url']);
  });

  it('names few of many unknown event types, and these shortened', async () => {
    const events = Array.from({ length: 14 }, (_, n) => `order.${n}${'x'.repeat(1_000)}`);
    const { body } = await service.request('POST', '/webhooks', { url: NOWHERE, events });
    expect(errorsIn(body)[0]?.message.length).toBeLessThan(300);
  });
});

describe('other input', () => {
  it.each(ROTATIONS)('valid_hours %j is refused', async (value, message) => {
    const answer = await service.request('POST', `/webhooks/${id}/rotate-secret`, { valid_hours: value });
    expectProblem(answer, 400, ['valid_hours']);
    expect(errorsIn(answer.body)).toEqual([{ field: 'valid_hours', message }]);
  });

  it.each(REPLAYS)('a replay with a wrong %s is refused: %j', async (field, body) => {
    expectProblem(await service.request('POST', `/webhooks/${id}/replay`, body), 400, [field]);
  });

  it.each(QUERIES)('deliveries with a wrong %s are refused: %s', async (field, query) => {
    expectProblem(await service.request('GET', `/webhooks/${id}/deliveries?${query}`), 400, [field]);
  });
});

const create = (url: string) => production.request('POST', '/webhooks', { url }, admin);

describe('URL of a webhook in production', () => {
  it.each([
    'http://erp.shop.example/webhooks',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://0.0.0.0/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
  ])('is refused: %s', async (url) => {
    expectProblem(await create(url), 400, ['url']);
    const changed = await production.request('PATCH', `/webhooks/${id}`, { url }, admin);
    expectProblem(changed, 400, ['url']);
  });

  it.each(['https://erp.shop.example/webhooks?token=abcdefgh', 'https://203.0.114.7/', 'https://[2600::1]/'])(
    'is accepted: %s',
    async (url) => {
      const { status, body } = await create(url);
      expect(status).toBe(201);
      await production.request('DELETE', `/webhooks/${body.id}`, undefined, admin);
    },
  );
});
