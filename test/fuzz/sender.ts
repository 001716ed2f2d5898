import { Agent, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { SeenAnswer } from '../support/contract/check.ts';
import { type FuzzRequest, KNOWN_ORDER } from './request.ts';

/** The service gives up after 13 seconds (PATIENT in world.ts), so a longer wait is a fault. */
export const DEADLINE_MS = 15_000;

/** Number of retries after "overloaded". */
const MAX_REPETITIONS = 10;

/** Problem type of a response that asks for a retry because other requests, such as slow exports, hold all permits. */
const BUSY = '"/problems/overloaded"';

/** The newest orders, as many as the generated requests distinguish. */
const KNOWN_ORDERS = 50;

const EVENTS = 'text/event-stream';

/** An unknown order id, used until an order exists. */
const NO_ORDER = '01980000-0000-7000-8000-000000000000';

/** A response, or the fault that occurred instead. */
export type Outcome = { answer: SeenAnswer; ms: number } | { fault: string };

/** Whether the request had no effect and may be retried later. How soon permits are free depends on the machine. */
function isBusy({ status, text: body, headers }: SeenAnswer): boolean {
  return status === 503 && body.includes(BUSY) && headers.has('retry-after');
}

/** Sends requests unchanged: unlike fetch, it does not normalize paths and headers. */
export class Sender {
  private readonly agent: Agent;
  private readonly known: string[] = [];
  private readonly address: URL;
  private readonly settled: string;

  /** @param settled an order with a final status */
  constructor(url: string, settled: string) {
    this.settled = settled;
    this.address = new URL(url);
    this.agent = new Agent({ keepAlive: true });
  }

  /** @returns the response with the target that was actually sent */
  async send(request: FuzzRequest): Promise<Outcome> {
    const target = request.target.replaceAll(KNOWN_ORDER, (_, number: string) =>
      this.orderOf(Number(number)),
    );
    for (let repetition = 1; ; repetition += 1) {
      const begin = performance.now();
      const first = await this.attempt({ ...request, target });
      // The server may have closed the connection at the moment of its reuse; then nothing was sent.
      const outcome = first === 'stale' ? await this.attempt({ ...request, target }) : first;
      if (outcome === 'stale') return { fault: 'the connection was closed twice' };
      if (!('text' in outcome)) return outcome;
      if (isBusy(outcome) && repetition < MAX_REPETITIONS) {
        await sleep(Number(outcome.headers.get('retry-after')) * 1_000);
        continue;
      }
      this.learn(outcome);
      return { answer: outcome, ms: performance.now() - begin };
    }
  }

  close(): void {
    this.agent.destroy();
  }

  /** Every third id is that of the order with a final status, to include transitions that are not allowed. */
  private orderOf(number: number): string {
    if (number % 3 === 0) return this.settled;
    return this.known[number % Math.max(1, this.known.length)] ?? NO_ORDER;
  }

  private learn({ status, text: body }: SeenAnswer): void {
    if (status !== 201 && status !== 202) return;
    const id = /"order_id":"([^"]+)"/.exec(body)?.[1];
    if (id === undefined) return;
    this.known.push(id);
    if (this.known.length > KNOWN_ORDERS) this.known.shift();
  }

  private attempt({
    method,
    target,
    headers,
    body,
  }: FuzzRequest): Promise<SeenAnswer | { fault: string } | 'stale'> {
    const { hostname, port } = this.address;
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const isChunked = Object.keys(headers).some((name) => name.toLowerCase() === 'transfer-encoding');
    const length = body && !isChunked ? { 'content-length': String(body.length) } : {};
    return new Promise((resolve) => {
      const request = httpRequest(
        {
          hostname,
          port,
          method,
          path: target,
          headers: { ...headers, ...length },
          agent: this.agent,
          signal,
        },
        (response) => {
          const seen = new Headers();
          for (const [name, values = []] of Object.entries(response.headersDistinct)) {
            for (const value of values) seen.append(name, value);
          }
          // A stream of events does not end; only its start can be checked.
          if (seen.get('content-type') === EVENTS) {
            response.destroy();
            resolve({ method, target, status: response.statusCode ?? 0, headers: seen, text: '' });
            return;
          }
          const isCompressed = seen.get('content-encoding') === 'gzip';
          text(isCompressed ? response.pipe(createGunzip()) : response).then(
            (content) =>
              resolve({ method, target, status: response.statusCode ?? 0, headers: seen, text: content }),
            (error: Error) => resolve({ fault: signal.aborted ? 'no answer in time' : error.message }),
          );
        },
      );
      request.on('error', (error) => {
        const isStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
        if (signal.aborted) resolve({ fault: 'no answer in time' });
        else resolve(isStale ? 'stale' : { fault: error.message });
      });
      request.end(body);
    });
  }
}
