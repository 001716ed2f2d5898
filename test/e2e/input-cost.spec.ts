import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { processorTimeOf } from '../support/processor-time.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import { testSettings } from '../support/service.js';
import { sendText } from './raw-http.js';

/** Upper bound for the processor time of the 64 kB that the server reads of a connection at once. */
const BUDGET_MS = 10;

/** The best of several tries counts, because the machine may be busy and the code is not yet compiled at first. */
const TRIES = 20;

let service: ServiceProcess;
let database: TestDatabase;
let sandbox: Sandbox;
beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  // The built service: inside the test runner the same code takes several times as long.
  service = await startServiceProcess({ ...testSettings(sandbox, database.url), LOG_LEVEL: 'info' });
}, 60_000);
afterAll(async () => {
  await service?.end('SIGTERM');
  await sandbox?.close();
  await database?.drop();
});

const HEAD = 'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const CHUNKS = '1\r\n \r\n'.repeat(10_000);
const LIVE = 'GET /health/live HTTP/1.1\r\nhost: x\r\n';

it.each([
  ['a body in 10,000 chunks', `${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNKS}`],
  ['a body in 10,000 chunks that no handler reads', `${LIVE}transfer-encoding: chunked\r\n\r\n${CHUNKS}`],
  ['1,500 pipelined requests', `${`${LIVE}\r\n`.repeat(1_499)}${LIVE}connection: close\r\n\r\n`],
  [
    '1,500 pipelined requests of bad paths',
    `${'GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1_500)}GET /\r\n\r\n`,
  ],
])('%s cost little more than a request', async (_name, text) => {
  let cpuMs = Infinity;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const before = processorTimeOf(service.pid);
    await sendText(service.url, text);
    cpuMs = Math.min(cpuMs, processorTimeOf(service.pid) - before);
  }
  expect(cpuMs).toBeLessThan(BUDGET_MS);
});
