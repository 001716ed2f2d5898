import { setTimeout as sleep } from 'node:timers/promises';
import { percentilesOf } from './clients.ts';
import { type Answer, Connection, requestBytes } from './connection.ts';

/** Between two requests of a client. */
const THINK_MS = 50;

/** What honest clients got within a time. */
export interface Experience {
  requests: number;
  /** Milliseconds. */
  p50: number;
  p95: number;
  serverErrors: number;
  tooMany: number;
  /** Other answers than expected, and requests without an answer. */
  faults: number;
  /** How many answers had each type of problem. */
  problems: Record<string, number>;
}

class Tally {
  readonly times: number[] = [];
  serverErrors = 0;
  tooMany = 0;
  faults = 0;
  readonly problems: Record<string, number> = {};

  add(expected: number, answer: Answer | undefined, milliseconds: number): void {
    this.times.push(milliseconds);
    const status = answer?.status;
    if (status === expected) return;
    const problem = answer ? (/"type":"([^"]*)"/.exec(answer.body)?.[1] ?? String(status)) : 'no answer';
    this.problems[problem] = (this.problems[problem] ?? 0) + 1;
    if (status === 429) this.tooMany += 1;
    else if (status !== undefined && status >= 500) this.serverErrors += 1;
    else this.faults += 1;
  }
}

/** Places an order, reads it, and lists the newest, over and over, with a key of its own. */
async function runClient(url: URL, key: string, endsAt: number, tally: Tally): Promise<void> {
  const headers = { 'x-api-key': key };
  let connection: Connection | undefined;
  const send = async (expected: number, bytes: string): Promise<Answer | undefined> => {
    const sentAt = performance.now();
    let answer: Answer | undefined;
    try {
      connection ??= await Connection.open(url);
      answer = await connection.send(bytes);
    } catch {
      connection?.close();
      connection = undefined;
    }
    tally.add(expected, answer, performance.now() - sentAt);
    await sleep(THINK_MS);
    return answer;
  };
  for (let n = 0; performance.now() < endsAt; n += 1) {
    const placed = await send(201, requestBytes('POST', '/orders', orderOf(n), headers));
    const id = placed?.status === 201 && (JSON.parse(placed.body) as { order_id: string }).order_id;
    if (id) await send(200, requestBytes('GET', `/orders/${id}`, undefined, headers));
    await send(200, requestBytes('GET', '/orders?limit=20', undefined, headers));
  }
  connection?.close();
}

function orderOf(n: number): object {
  return {
    customer_name: 'Honest',
    customer_email: 'honest@example.com',
    customer_id: `honest-${n}`,
    items: [
      { product_id: `P${n % 100}`, quantity: 1 },
      { product_id: `P${(n % 100) + 100}`, quantity: 2 },
    ],
  };
}

/** @param keys one for each client */
export async function runHonestClients(
  url: URL,
  keys: readonly string[],
  seconds: number,
): Promise<Experience> {
  const tally = new Tally();
  const endsAt = performance.now() + seconds * 1_000;
  await Promise.all(keys.map((key) => runClient(url, key, endsAt, tally)));
  const { times, ...answers } = tally;
  const { p50, p95 } = percentilesOf(times);
  return { requests: times.length, p50, p95, ...answers };
}
