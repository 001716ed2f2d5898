import { once } from 'node:events';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ATTACKER, ATTACKER_ADDRESS, type AttackName, ATTACKS } from './attacks.ts';
import { Connection, requestBytes } from './connection.ts';

/**
 * One attacker in a process of its own, so that its work does not slow down the measurement. Runs until it is ended.
 *
 * Usage: SERVICE_URL=… TOKEN=… node bench/load/attacker.ts <attack>
 */
const SERVICE = new URL(process.env['SERVICE_URL'] ?? '');
const TOKEN = process.env['TOKEN'] ?? '';
const CREDENTIALS = { authorization: `Bearer ${TOKEN}` };
const NAME = process.argv[2] as AttackName;
const LOCAL_ADDRESS = ATTACKS.find(({ name }) => name === NAME)?.isAnonymous ? ATTACKER_ADDRESS : undefined;

const CLIENTS = 16;
const STREAMS = 100;
const SLOW_EXPORTS = 2;

/** What the server reads of a connection at once, how many chunks of a byte that are, and how many a body may have. */
const READ_BYTES = 65_536;
const READ_CHUNKS = 10_000;
const ACCEPTED_CHUNKS = 1_000;

/** After a failure, so that a service that refuses connections is not asked without a pause. */
const PAUSE_MS = 20;

/** What a slow reader takes, and how long it takes for it. */
const SLOW_BYTES = 65_536;
const SLOW_MS = 15_000;

/** Sends one request after the other. */
async function repeat(next: () => string): Promise<never> {
  let connection: Connection | undefined;
  for (;;) {
    try {
      if (!connection?.isFresh) connection = await Connection.open(SERVICE, LOCAL_ADDRESS);
      await connection.send(next());
    } catch {
      connection?.close();
      connection = undefined;
      await sleep(PAUSE_MS);
    }
  }
}

/** Opens a response and reads it at its own pace, until it ends. */
function read(path: string, headers: Record<string, string>, isSlow: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const request = get(new URL(path, SERVICE), { headers: { ...CREDENTIALS, ...headers } }, (response) => {
    response.once('close', resolve).once('error', () => resolve());
    if (!isSlow) return void response.resume();
    const timer = setInterval(() => response.read(SLOW_BYTES), SLOW_MS);
    response.once('close', () => clearInterval(timer));
  });
  request.once('error', () => resolve());
  return promise;
}

async function follow(path: string, headers: Record<string, string>, isSlow = false): Promise<never> {
  for (;;) {
    await read(path, headers, isSlow);
    await sleep(PAUSE_MS);
  }
}

/** Asks for all that was missed, again and again. */
async function replay(): Promise<never> {
  for (;;) {
    const request = get(new URL('/orders/stream', SERVICE), {
      headers: { ...CREDENTIALS, 'last-event-id': '1' },
    });
    request.once('response', (response) => response.resume()).once('error', () => undefined);
    await sleep(PAUSE_MS);
    request.destroy();
  }
}

function times<Item>(count: number, make: (n: number) => Item): Item[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

function strangersAddress(n: number): string {
  return `2001:db8:${((n >> 16) & 0xffff).toString(16)}:${(n & 0xffff).toString(16)}::1`;
}

const INVALID = requestBytes('POST', '/orders', { items: times(30_001, () => ({})) }, CREDENTIALS);
const LIST = requestBytes('GET', `/orders?limit=200&customer_id=${ATTACKER}`, undefined, CREDENTIALS);
const BUYER = { customer_id: ATTACKER, customer_name: 'Attacker', customer_email: 'a@example.com' };
const FOREIGN = requestBytes('POST', '/orders/1', undefined, { origin: 'http://shop.example' });
const ERASURE = requestBytes('DELETE', '/customers/honest-1/personal-data', undefined, CREDENTIALS);
const INCIDENTS = requestBytes('GET', '/operations/incidents', undefined, CREDENTIALS);
const ORDER_HEAD = [
  'POST /orders HTTP/1.1',
  'host: bench',
  'content-type: application/json',
  `authorization: Bearer ${TOKEN}`,
].join('\r\n');
const TINY = 'GET /caller HTTP/1.1\r\nhost: x\r\n';
let sent = 0;

/** As many chunks as the server reads at once, or as it accepts. */
function chunks(): string {
  sent += 1;
  const body = '1\r\n \r\n'.repeat(sent % 2 === 0 ? READ_CHUNKS : ACCEPTED_CHUNKS - 1);
  return `${ORDER_HEAD}\r\ntransfer-encoding: chunked\r\n\r\n${body}2\r\n{}\r\n0\r\n\r\n`;
}

/** Opens connections one after the other and sends on each, until the server closes it. */
async function exhaust(send: (socket: Socket) => Promise<void>): Promise<never> {
  for (;;) {
    const socket = connect(Number(SERVICE.port), SERVICE.hostname).setNoDelay(true).resume();
    const closed = new Promise((resolve) => socket.once('error', () => undefined).once('close', resolve));
    socket.once('end', () => socket.destroy());
    await Promise.race([once(socket, 'connect').then(() => send(socket)), closed]).catch(() => undefined);
    await closed;
  }
}

async function sendPipeline(socket: Socket): Promise<void> {
  socket.write(`${`${TINY}\r\n`.repeat(READ_BYTES / TINY.length - 1)}${TINY}connection: close\r\n\r\n`);
}

/** Bytes of a header that never ends, or of a body. */
async function sendBytes(socket: Socket): Promise<void> {
  sent += 1;
  socket.write(`${ORDER_HEAD}\r\n${sent % 2 === 0 ? 'content-length: 100000\r\n\r\n' : 'x-filler: '}`);
  while (!socket.destroyed) {
    socket.write(' ');
    await nextTurn();
  }
}

function unknownProducts(): string {
  sent += 1;
  const items = times(100, (n) => ({ product_id: `UNKNOWN-${sent}-${n}-`.padEnd(128, 'x'), quantity: 1 }));
  return requestBytes('POST', '/orders', { ...BUYER, items }, { ...CREDENTIALS, prefer: 'respond-async' });
}

/** A token of the right form, whose key the issuer does not publish. */
function unknownKey(): string {
  sent += 1;
  const [, payload, signature] = TOKEN.split('.');
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: `made-up-${sent}` })).toString('base64url');
  const authorization = `Bearer ${header}.${payload}.${signature}`;
  return requestBytes('GET', '/caller', undefined, { authorization });
}

function stranger(): string {
  sent += 1;
  return requestBytes('GET', '/caller', undefined, { 'x-forwarded-for': strangersAddress(sent) });
}

const WORK: Record<AttackName, () => Promise<never>[]> = {
  validation: () => times(CLIENTS, () => repeat(() => INVALID)),
  streams: () => [
    ...times(STREAMS, () => follow('/orders/stream', {})),
    ...times(SLOW_EXPORTS, () => follow('/orders/export?format=ndjson', {}, true)),
    ...times(CLIENTS, () => replay()),
  ],
  chunks: () => times(CLIENTS, () => repeat(chunks)),
  pipelines: () => times(CLIENTS, () => exhaust(sendPipeline)),
  bytes: () => times(CLIENTS, () => exhaust(sendBytes)),
  exports: () => times(CLIENTS, () => follow('/orders/export?format=csv', {})),
  lists: () => times(CLIENTS, () => repeat(() => LIST)),
  addresses: () => times(CLIENTS, () => repeat(() => LIST)),
  strangers: () => times(CLIENTS, () => repeat(stranger)),
  growth: () => times(CLIENTS, () => repeat(unknownProducts)),
  pages: () => times(CLIENTS, () => repeat(() => FOREIGN)),
  scopes: () => times(CLIENTS, (n) => repeat(() => (n % 2 === 0 ? ERASURE : INCIDENTS))),
  issuer: () => times(CLIENTS, () => repeat(unknownKey)),
};

await Promise.all(WORK[NAME]());
