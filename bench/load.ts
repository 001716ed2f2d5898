import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';

/** Connections of the load, enough for all requests that are under way at four times the capacity. */
const CONNECTIONS = 2_000;

/** How often the orders that are due by then are sent; a timer can't be more exact. */
const TICK_MS = 5;

/** What became of the orders sent within a time. */
export interface Outcome {
  acceptedPerSecond: number;
  refusedPerSecond: number;
  /** Answers that are neither 201 nor 503, and requests without an answer. */
  faults: number;
  /** Milliseconds that accepted orders took. */
  p50: number;
  p99: number;
  /** The same for those that were refused. */
  refusedP99: number;
}

class Tally {
  readonly accepted: number[] = [];
  readonly refused: number[] = [];
  faults = 0;

  add(status: number | undefined, milliseconds: number): void {
    if (status === 201) this.accepted.push(milliseconds);
    else if (status === 503) this.refused.push(milliseconds);
    else this.faults += 1;
  }

  outcome(seconds: number): Outcome {
    return {
      acceptedPerSecond: this.accepted.length / seconds,
      refusedPerSecond: this.refused.length / seconds,
      faults: this.faults,
      p50: percentile(this.accepted, 50),
      p99: percentile(this.accepted, 99),
      refusedP99: percentile(this.refused, 99),
    };
  }
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

const BODY = JSON.stringify({
  customer_name: 'Load',
  customer_email: 'load@example.com',
  items: [{ product_id: 'P1', quantity: 1 }],
});

/** Sends orders to one service. */
export class Load {
  private readonly agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Clients that each send an order as soon as the one before is answered: what they get done is the capacity. */
  async closedLoop(clients: number, seconds: number): Promise<Outcome> {
    const tally = new Tally();
    const endsAt = performance.now() + seconds * 1_000;
    await Promise.all(
      Array.from({ length: clients }, async () => {
        while (performance.now() < endsAt) await this.order(tally);
      }),
    );
    return tally.outcome(seconds);
  }

  /** Orders that come at a rate, however many of them are still unanswered: as customers do. */
  async openLoop(perSecond: number, seconds: number): Promise<Outcome> {
    const tally = new Tally();
    const startedAt = performance.now();
    const underWay = new Set<Promise<void>>();
    let sent = 0;
    for (let elapsed = 0; elapsed < seconds * 1_000; elapsed = performance.now() - startedAt) {
      for (; sent < (elapsed / 1_000) * perSecond; sent += 1) {
        const order = this.order(tally).finally(() => underWay.delete(order));
        underWay.add(order);
      }
      await sleep(TICK_MS);
    }
    await Promise.all(underWay);
    return tally.outcome(seconds);
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  private async order(tally: Tally): Promise<void> {
    const startedAt = performance.now();
    const status = await this.send().catch(() => undefined);
    tally.add(status, performance.now() - startedAt);
  }

  private async send(): Promise<number> {
    const { statusCode, body } = await this.agent.request({
      origin: this.url,
      path: '/orders',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    });
    await body.dump();
    return statusCode;
  }
}
