import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CONNECT_TIMEOUT_MS } from './guarded-connect.js';
import { newResolver } from './host-resolver.js';

/** Type of a query for IPv4 addresses (RFC 1035, section 3.2.2). */
const TYPE_A = 1;

/** Refers to the name of the question; of type A, for 0 s: 203.0.113.7 (RFC 1035, section 4.1.3). */
const ADDRESS = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 203, 0, 113, 7]);

const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

/** A name server. @param isSilent whether it never answers; otherwise every name has one IPv4 address */
async function startNameServer(isSilent: boolean): Promise<string> {
  const socket = createSocket('udp4', (query, { port, address }) => {
    if (!isSilent) socket.send(answerTo(query), port, address);
  }).bind(0, '127.0.0.1');
  await once(socket, 'listening');
  sockets.push(socket);
  return `127.0.0.1:${socket.address().port}`;
}

function answerTo(query: Buffer): Buffer {
  // The name ends with an empty label; type and class follow.
  const end = query.indexOf(0, 12) + 5;
  const answers = query.readUInt16BE(end - 4) === TYPE_A ? [ADDRESS] : [];
  const head = Buffer.from([0x81, 0x80, 0, 1, 0, answers.length, 0, 0, 0, 0]);
  return Buffer.concat([query.subarray(0, 2), head, query.subarray(12, end), ...answers]);
}

describe('the host of an endpoint', () => {
  it('has the addresses that its name server returns', async () => {
    const resolve = newResolver([await startNameServer(false)]);
    expect(await resolve('shop.example.com')).toEqual([{ address: '203.0.113.7', family: 4 }]);
  });

  it('whose name server hangs holds up no other lookup, and fails before the connection would', async () => {
    const resolve = newResolver([await startNameServer(true)]);
    const startedAt = performance.now();
    // More than the process has threads for lookups.
    const hanging = Array.from({ length: 8 }, async () => resolve('shop.example.com'));
    const settled = Promise.allSettled(hanging);
    await lookup('localhost');
    expect(performance.now() - startedAt).toBeLessThan(500);
    const codes = (await settled).map((one) => one.status === 'rejected' && one.reason.code);
    expect(codes).toEqual(hanging.map(() => 'ETIMEOUT'));
    expect(performance.now() - startedAt).toBeLessThan(CONNECT_TIMEOUT_MS);
  }, 10_000);

  it('is found without a name server when it is this machine', async () => {
    const resolve = newResolver([await startNameServer(true)]);
    expect(['127.0.0.1', '::1']).toContain((await resolve('localhost'))[0]?.address);
  });
});
