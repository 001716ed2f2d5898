import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import axios from 'axios';
import { UndiciTransport } from '../../src/platform/upstream/undici-transport.js';
import { UpstreamClient } from '../../src/platform/upstream/upstream-client.js';
import { UpstreamFault } from '../../src/platform/upstream/upstream-fault.js';
import { eventually } from '../support/service.js';

/** @param call the number of the request, from 1 */
export type Handler = (request: IncomingMessage, response: ServerResponse, call: number) => void;

/** A server that returns any response that a test needs, valid or not. */
export interface Upstream {
  server: Server;
  origin: string;
  calls: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  connections: Socket[];
  close(): Promise<void>;
}

const cleanups: (() => Promise<void>)[] = [];

/** Stops every server and transport that the functions of this file have started. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

export async function startUpstream(handler: Handler): Promise<Upstream> {
  const calls: Upstream['calls'] = [];
  const connections: Socket[] = [];
  const server = createServer((request, response) => {
    calls.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    request.resume();
    handler(request, response, calls.length);
  });
  server.on('connection', (socket) => connections.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(() => resolve());
    });
  };
  cleanups.push(close);
  return { server, origin: `http://127.0.0.1:${port}`, calls, connections, close };
}

/** A client with its own connections. */
export function clientFor(baseUrl: string, timeoutMs: number): UpstreamClient {
  const transport = new UndiciTransport();
  cleanups.push(() => transport.onApplicationShutdown());
  const http = new HttpService(axios.create(transport.axiosDefaults()));
  return new UpstreamClient(http, { name: 'test service', baseUrl, timeoutMs });
}

/** Answers JSON. */
export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Retries until the outcome is known; while the circuit is open no call is made. */
export async function learn(ask: () => Promise<{ outcome: string }[]>, expected: unknown): Promise<void> {
  const answer = await eventually(async () => {
    const outcomes = await ask();
    return outcomes.some(({ outcome }) => outcome === 'unknown') ? undefined : outcomes;
  });
  expect(answer).toEqual(expected);
}

/** @throws unless the call ends in a fault of the upstream */
export async function faultOf(call: Promise<unknown>): Promise<UpstreamFault> {
  const error = await call.then(
    (answer) => new Error(`no fault but ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UpstreamFault)) throw error;
  return error;
}
