import { setTimeout as sleep } from 'node:timers/promises';
import { percentilesOf, type Work } from './clients.ts';
import { Connection } from './connection.ts';

/** How often the orders that are due by then are sent; a timer can't be much more exact. */
const TICK_MS = 2;

/** Twice as many clients must get this much more done, or the capacity is reached. */
const WORTHWHILE = 1.1;
const FIRST_CLIENTS = 4;
const MAX_CLIENTS = 64;

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
    const { p50, p99 } = percentilesOf(this.accepted);
    return {
      acceptedPerSecond: this.accepted.length / seconds,
      refusedPerSecond: this.refused.length / seconds,
      faults: this.faults,
      p50,
      p99,
      refusedP99: percentilesOf(this.refused).p99,
    };
  }
}

/** Sends orders to one service, and takes refusals for answers. */
export class Load {
  /** Connections on which nothing is under way; as many are opened as are needed at a time. */
  private readonly idle: Connection[] = [];
  private readonly url: URL;
  private readonly work: Work;

  constructor(url: URL, work: Work) {
    this.url = url;
    this.work = work;
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

  /** @returns how many clients get the most done, and how much that is */
  async findCapacity(seconds: number): Promise<{ clients: number; outcome: Outcome }> {
    let clients = FIRST_CLIENTS;
    let outcome = await this.closedLoop(clients, seconds);
    while (clients < MAX_CLIENTS) {
      const next = await this.closedLoop(clients * 2, seconds);
      if (next.acceptedPerSecond < outcome.acceptedPerSecond * WORTHWHILE) break;
      clients *= 2;
      outcome = next;
    }
    return { clients, outcome };
  }

  close(): void {
    for (const connection of this.idle) connection.close();
  }

  private async order(tally: Tally): Promise<void> {
    const { bytes, answered } = this.work.next();
    const startedAt = performance.now();
    let status: number | undefined;
    try {
      const connection = this.takeIdle() ?? (await Connection.open(this.url));
      const answer = await connection.send(bytes);
      ({ status } = answer);
      this.idle.push(connection);
      if (status === this.work.expects) answered?.(answer);
    } catch {
      // Counted below as a fault; its connection is not used again.
    }
    tally.add(status, performance.now() - startedAt);
  }

  /** The one that was used last; where that was too long ago, all others were used before. */
  private takeIdle(): Connection | undefined {
    const connection = this.idle.pop();
    if (!connection || connection.isFresh) return connection;
    for (const stale of [connection, ...this.idle.splice(0)]) stale.close();
    return undefined;
  }
}
