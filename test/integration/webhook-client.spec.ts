import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { LookupAddress } from 'node:dns';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Settings } from '../../src/config/settings.js';
import { Deadline } from '../../src/platform/deadline.js';
import { AddressGuard } from '../../src/webhooks/delivery/address-guard.js';
import type { Resolve } from '../../src/webhooks/delivery/host-resolver.js';
import {
  type AttemptResult,
  MAX_ANSWER_BYTES,
  MAX_KEPT_ANSWER_BYTES,
  WebhookClient,
} from '../../src/webhooks/delivery/webhook-client.js';
import { newSecret } from '../support/webhooks.js';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** An address of the internet, which the tests never connect to. */
const PUBLIC = { address: '93.184.215.14', family: 4 };

const servers: Server[] = [];
const clients: WebhookClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.onApplicationShutdown()));
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener): Promise<number> => listen(createHttpServer(listener));

interface ClientOptions {
  networks?: string[];
  allowsHttp?: boolean;
  resolve?: Resolve;
}

function send(
  url: string,
  { networks = LOOPBACK, allowsHttp = true, resolve }: ClientOptions = {},
  timeoutMs = 5_000,
): Promise<AttemptResult> {
  const settings = Object.assign(new Settings(), {
    WEBHOOKS_ALLOW_HTTP: allowsHttp,
    WEBHOOKS_ALLOWED_NETWORKS: networks,
  });
  const client = new WebhookClient(new AddressGuard(settings), settings, resolve);
  clients.push(client);
  const call = { url, id: 'order/1', body: '{}', secrets: [newSecret()] };
  return client.send(call, Deadline.in(timeoutMs));
}

/** A resolver whose error has an address. */
const notFound: Resolve = async () => {
  throw Object.assign(new Error('queryA ENOTFOUND 10.0.0.1'), { code: 'ENOTFOUND' });
};

/** A resolver that gives other addresses each time; the last ones stay. */
function resolverOf(...answers: LookupAddress[][]): { resolve: Resolve; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (hostname) => {
      asked.push(hostname);
      return (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    },
  };
}

describe('a call to an endpoint', () => {
  it.each([200, 201, 202, 204, 299])('succeeds with %i', async (status) => {
    const port = await serve((_request, response) => response.writeHead(status).end());
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status, error: null });
  });

  it.each([304, 400, 404, 410, 500, 503])('fails with %i', async (status) => {
    const port = await serve((_request, response) => response.writeHead(status).end());
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status, error: `answered ${status}` });
  });

  it('sends the body to the path and query of the URL, as JSON', async () => {
    const port = await serve((request, response) => {
      const { method, url, headers } = request;
      response.end(
        JSON.stringify({ method, url, type: headers['content-type'], agent: headers['user-agent'] }),
      );
    });
    const { answer } = await send(`http://127.0.0.1:${port}/a%2Fb?c=d`);
    expect(JSON.parse(answer ?? '')).toEqual({
      method: 'POST',
      url: '/a%2Fb?c=d',
      type: 'application/json',
      agent: 'order-service-webhooks/1',
    });
  });

  it('does not follow redirects', async () => {
    const paths: (string | undefined)[] = [];
    const port = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 307, error: 'answered 307' });
    expect(paths).toEqual(['/']);
  });

  it('uses no proxy of the environment', async () => {
    const proxy = await serve((_request, response) => response.writeHead(502).end());
    const port = await serve((_request, response) => response.end());
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'];
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy}`;
    try {
      expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 });
    } finally {
      for (const name of names) delete process.env[name];
    }
  });

  it('fails without an answer in time', async () => {
    const port = await serve(() => undefined);
    const result = await send(`http://127.0.0.1:${port}/`, {}, 200);
    expect(result).toMatchObject({ status: null, answer: null, error: 'no answer in time' });
    expect(result.durationMs).toBeGreaterThanOrEqual(190);
  });

  it('fails when the connection is refused, closed, or speaks another protocol', async () => {
    const closed = await listen(createServer());
    servers.pop()?.close();
    const resetting = await serve((request) => request.socket.resetAndDestroy());
    const other = await listen(createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')));
    for (const [port, code] of [
      [closed, 'ECONNREFUSED'],
      [resetting, 'ECONNRESET|UND_ERR_SOCKET'],
      [other, 'not HTTP'],
    ] as const) {
      const { status, error } = await send(`http://127.0.0.1:${port}/`);
      expect(status).toBeNull();
      expect(error).toMatch(new RegExp(code));
    }
  });

  it.each([
    ['7', 7_000],
    [new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
  ])('reads Retry-After: %s', async (value, expected) => {
    const port = await serve((_request, response) => response.writeHead(503, { 'retry-after': value }).end());
    const { retryAfterMs = 0 } = await send(`http://127.0.0.1:${port}/`);
    expect(Math.abs(retryAfterMs - expected)).toBeLessThan(5_000);
  });
});

describe('the answer of an endpoint', () => {
  it('is kept to a kilobyte, without a character that is cut', async () => {
    const text = `${'x'.repeat(MAX_KEPT_ANSWER_BYTES - 1)}€ and more`;
    const port = await serve((_request, response) => response.writeHead(500).end(text));
    const { answer } = await send(`http://127.0.0.1:${port}/`);
    expect(answer).toBe('x'.repeat(MAX_KEPT_ANSWER_BYTES - 1));
  });

  it('is kept without NUL, and with bytes of any kind', async () => {
    const bytes = Buffer.from([0x61, 0, 0xff, 0x62]);
    const port = await serve((_request, response) => response.end(bytes));
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ answer: 'a\uFFFDb', error: null });
  });

  it('is read to 64 kB only, and its status counts', async () => {
    let sent = 0;
    const isClosed = Promise.withResolvers<void>();
    const port = await serve((_request, response) => {
      response.on('close', isClosed.resolve);
      const write = (): void => {
        while (!response.destroyed && response.write('y'.repeat(16_384), () => (sent += 16_384)));
        response.once('drain', write);
      };
      write();
    });
    const result = await send(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ status: 200, error: null, answer: 'y'.repeat(MAX_KEPT_ANSWER_BYTES) });
    await isClosed.promise;
    // What the buffers of the connection hold comes on top.
    expect(sent).toBeLessThan(MAX_ANSWER_BYTES * 100);
  });

  it('that breaks off, or never ends, counts by its status', async () => {
    const breaking = await serve((_request, response) => {
      response.write('abc', () => response.destroy());
    });
    expect(await send(`http://127.0.0.1:${breaking}/`)).toMatchObject({ status: 200, error: null });
    const endless = await serve((_request, response) => void response.write('abc'));
    expect(await send(`http://127.0.0.1:${endless}/`, {}, 300)).toMatchObject({ status: 200, answer: 'abc' });
  });
});

describe('an endpoint at an address that is not allowed', () => {
  const NOT_ALLOWED = { status: null, error: 'the address of the host is not allowed' };

  it.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '0177.1', 'localhost'])(
    'is not called: %s',
    async (host) => {
      let calls = 0;
      const port = await listen(createServer(() => (calls += 1)));
      expect(await send(`http://${host}:${port}/`, { networks: [] })).toMatchObject(NOT_ALLOWED);
      expect(calls).toBe(0);
    },
  );

  it('is not called when a name that led to a public address leads to it now', async () => {
    let connections = 0;
    const port = await listen(createServer(() => (connections += 1)));
    const { resolve, asked } = resolverOf([PUBLIC], [{ address: '127.0.0.1', family: 4 }]);
    // The check at another time sees the public address, and says nothing about the connection.
    await resolve('shop.example.com');
    const result = await send(`http://shop.example.com:${port}/`, { networks: [], resolve });
    expect(result).toMatchObject(NOT_ALLOWED);
    expect(asked).toHaveLength(2);
    expect(connections).toBe(0);
  });

  it('is resolved once for a connection: the address that was checked is the one that is used', async () => {
    const port = await serve((_request, response) => response.end());
    const { resolve, asked } = resolverOf([{ address: '127.0.0.1', family: 4 }], [PUBLIC]);
    const networks = ['127.0.0.1'];
    expect(await send(`http://shop.example.com:${port}/`, { networks, resolve })).toMatchObject({
      status: 200,
    });
    expect(asked).toEqual(['shop.example.com']);
  });

  it('is left out where the name has others', async () => {
    const port = await serve((_request, response) => response.end());
    const addresses = [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const { resolve } = resolverOf(addresses);
    const networks = ['127.0.0.1'];
    expect(await send(`http://shop.example.com:${port}/`, { networks, resolve })).toMatchObject({
      status: 200,
    });
  });

  it('is not called by http where only https is allowed', async () => {
    const port = await serve((_request, response) => response.end());
    const result = await send(`http://127.0.0.1:${port}/`, { allowsHttp: false });
    expect(result).toMatchObject({ status: null, error: 'http is not allowed' });
  });

  it('is reported without the address', async () => {
    const { error } = await send('https://shop.example.com/', { resolve: notFound });
    expect(error).toBe('could not be reached, or the connection broke (ENOTFOUND)');
  });
});
