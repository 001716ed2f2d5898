import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { createApplication } from '../../src/application.js';
import { loadSettings } from '../../src/config/load-settings.js';
import { line, newProduct, orderBody } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually, send, testSettings } from '../support/service.js';

const TOKEN = 'token-of-the-receiver';

let database: TestDatabase;
let sandbox: Sandbox;
let app: NestFastifyApplication;
const lines: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  const logTo = { write: (text: string) => void lines.push(text) };
  app = await createApplication(loadSettings(testSettings(sandbox, database.url)), { logTo });
  await app.listen(0, '127.0.0.1');
});
afterAll(async () => {
  await app.close();
  await sandbox.close();
  await database.drop();
});

/** The messages about an endpoint, each with its actor. */
function changesOf(endpointId: string): string[] {
  return lines
    .map((text) => JSON.parse(text) as { endpointId?: string; actor?: string; msg: string })
    .filter((entry) => entry.endpointId === endpointId && entry.actor === 'anonymous')
    .map(({ msg }) => msg);
}

it('logs every change of a webhook with its actor, and never its secret or the query of its URL', async () => {
  const url = await app.getUrl();
  const ask = (method: string, path: string, body?: unknown) => send(`${url}${path}`, method, body);
  await ask('POST', '/orders', orderBody([line(newProduct(sandbox))]));
  await eventually(async () => (await ask('GET', '/events?limit=1')).body.last_feed_no === 2);
  const hook = `http://127.0.0.1:9/hooks?token=${TOKEN}`;
  const { id, secret } = (await ask('POST', '/webhooks', { url: hook })).body;
  const at = `/webhooks/${id}`;
  await ask('PATCH', at, { url: `${hook}2` });
  const rotated = await ask('POST', `${at}/rotate-secret`);
  for (const action of ['test', 'enable', 'disable']) await ask('POST', `${at}/${action}`);
  await ask('POST', `${at}/replay`, { after: 0 });
  await ask('DELETE', `${at}/replay`);
  await ask('DELETE', at);
  expect(changesOf(id)).toEqual([
    'A webhook was created',
    'A webhook was changed',
    'The secret of a webhook was rotated',
    'A webhook was tested',
    'A webhook was enabled',
    'A webhook was disabled',
    'A replay of a webhook was started',
    'A replay of a webhook was cancelled',
    'A webhook was deleted',
  ]);
  const log = lines.join('');
  for (const kept of [TOKEN, secret, rotated.body.secret]) expect(log).not.toContain(kept);
});
