import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import { databaseNow } from '../database/database-clock.js';
import { isDatabaseUnavailable } from '../database/session/database-errors.js';

/** Cache lifetime for several scrapers: the values change within minutes. */
const FRESH_MS = 5_000;

/** A scraper waits for ten seconds, and must get the other metrics while the database is away. */
const PATIENCE_MS = 5_000;

/** Gauges that are read from the database at each scrape. During an outage they are left out instead of repeated. */
export abstract class DatabaseGauges {
  private measured = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };
  private readonly labelled: Gauge[] = [];
  private readonly unlabelled: Gauge[] = [];

  protected constructor(private readonly registry: Registry) {}

  /** Sets all gauges. */
  protected abstract measureNow(): Promise<void>;

  /** All are set together, by whichever is collected first. */
  protected gauge(name: string, help: string, ...labelNames: string[]): Gauge {
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect: () => this.measure(),
    });
    (labelNames.length > 0 ? this.labelled : this.unlabelled).push(gauge);
    return gauge;
  }

  /** To be called by the gauges when they are collected. */
  protected measure(): Promise<void> {
    if (performance.now() - this.measured.at > FRESH_MS) {
      const done = this.measureIfPossible().then((isDone) => this.note(isDone));
      this.measured = { at: performance.now(), done };
      // A failed scrape goes to the callers that wait for it, and must not be cached.
      done.catch(() => (this.measured.at = Number.NEGATIVE_INFINITY));
    }
    return this.measured.done;
  }

  /** @param isDone whether the database has answered in time */
  protected note(isDone: boolean): void {
    if (isDone) return;
    for (const gauge of this.labelled) gauge.reset();
    for (const gauge of this.unlabelled) gauge.remove();
  }

  private async measureIfPossible(): Promise<boolean> {
    const measured = this.measureNow().then(
      () => true,
      (error: unknown) => {
        if (isDatabaseUnavailable(error)) return false;
        throw error;
      },
    );
    return Promise.race([measured, sleep(PATIENCE_MS, false, { ref: false })]);
  }
}

/** Seconds since a time of the database; 0 without one. */
export function ageSeconds(since: Date | null): number {
  return since ? Math.max(0, (databaseNow().getTime() - since.getTime()) / 1_000) : 0;
}
