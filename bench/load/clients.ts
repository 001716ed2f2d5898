import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Connection } from './connection.ts';

/** What clients got done within a time. */
export interface Measured {
  requests: number;
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  /** Answers of 503 a second: the service has too much to do, and the client asks again. */
  refusedPerSecond: number;
}

/** Backoff of a refused client; it counts towards the latency of the request. */
const ASK_AGAIN_MS = 100;
const OVERLOADED = '/problems/overloaded';

/** A client that is refused for this long beyond its time stops the measurement. */
const GIVE_UP_MS = 10_000;

/** One kind of request, and the status that its answer has to have. */
export interface Work {
  next(): Request;
  expects: number;
}

export interface Request {
  /** As `requestBytes` makes them. */
  bytes: string;
  /** Called with the answer, for work that builds on earlier work. */
  answered?: (answer: Answer) => void;
}

export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const [lower, upper] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return ((lower ?? Number.NaN) + (upper ?? Number.NaN)) / 2;
}

/** @param times in milliseconds, in any order */
export function percentilesOf(times: readonly number[]): Pick<Measured, 'p50' | 'p95' | 'p99'> {
  const sorted = times.toSorted((left, right) => left - right);
  return { p50: percentile(sorted, 50), p95: percentile(sorted, 95), p99: percentile(sorted, 99) };
}

/** Other reasons for a 503, such as an inventory that is away, are faults of what is measured. */
function isRefused({ status, body }: Answer): boolean {
  return status === 503 && body.includes(OVERLOADED);
}

/**
 * Lets clients do a kind of work, each sending as soon as the request before is answered. One that is refused for the
 * service having too much to do is sent again after a while, until it is done.
 *
 * @throws {Error} when an answer is neither that nor the one that the work expects
 */
export async function runClients(url: URL, work: Work, clients: number, seconds: number): Promise<Measured> {
  const times: number[] = [];
  let refusals = 0;
  const connections = await Promise.all(Array.from({ length: clients }, () => Connection.open(url)));
  try {
    const startedAt = performance.now();
    const endsAt = startedAt + seconds * 1_000;
    await Promise.all(
      connections.map(async (connection) => {
        for (let sentAt = performance.now(); sentAt < endsAt;) {
          const { bytes, answered } = work.next();
          let answer = await connection.send(bytes);
          for (; isRefused(answer) && performance.now() < endsAt + GIVE_UP_MS; refusals += 1) {
            await sleep(ASK_AGAIN_MS);
            answer = await connection.send(bytes);
          }
          const now = performance.now();
          times.push(now - sentAt);
          sentAt = now;
          if (answer.status !== work.expects) throw new Error(`answered ${answer.status}: ${answer.body}`);
          answered?.(answer);
        }
      }),
    );
    const took = (performance.now() - startedAt) / 1_000;
    const refusedPerSecond = refusals / took;
    return {
      requests: times.length,
      perSecond: times.length / took,
      refusedPerSecond,
      ...percentilesOf(times),
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}
