import { Agent, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { SeenAnswer } from '../support/contract/check.ts';
import { type FuzzRequest, KNOWN_ORDER } from './request.ts';

/** The service gives up after 13 seconds (PATIENT in world.ts); whoever waits for longer waits for nothing. */
export const DEADLINE_MS = 15_000;

/** How often somebody asks again who is told that the service is busy. */
const MAX_REPETITIONS = 10;

/** The answer to who comes when others are being served already, as a slow export is: it says when to come back. */
const BUSY = '"/problems/overloaded"';

/** As many as the generated requests tell apart, the newest. */
const KNOWN_ORDERS = 50;

const EVENTS = 'text/event-stream';

/** An order that there is not, as long as there is none. */
const NO_ORDER = '01980000-0000-7000-8000-000000000000';

/** An answer, or what came in its place. */
export type Outcome = { answer: SeenAnswer; ms: number } | { fault: string };

/** Whether nothing was done, and may be later: how soon others are served depends on what else the machine has to do. */
function isBusy({ status, text: body, headers }: SeenAnswer): boolean {
  return status === 503 && body.includes(BUSY) && headers.has('retry-after');
}

/** Sends requests as they are: unlike fetch, it does not tidy up paths and headers. */
export class Sender {
  private readonly agent: Agent;
  private readonly known: string[] = [];
  private readonly address: URL;
  private readonly settled: string;

  /** @param settled an order whose status can't be changed any more */
  constructor(url: string, settled: string) {
    this.settled = settled;
    this.address = new URL(url);
    this.agent = new Agent({ keepAlive: true });
  }

  /** @returns how it was answered; the target is the one that was really sent */
  async send(request: FuzzRequest): Promise<Outcome> {
    const target = request.target.replaceAll(KNOWN_ORDER, (_, number: string) =>
      this.orderOf(Number(number)),
    );
    for (let repetition = 1; ; repetition += 1) {
      const begin = performance.now();
      const first = await this.attempt({ ...request, target });
      // The server may have closed the connection just when the client took it up again: nothing was sent then.
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

  /** Every third is the settled one, so that what is too late for an order is asked for as well. */
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
          // A stream of events goes on; that it has begun is all that there is to judge.
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
