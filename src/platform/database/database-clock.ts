import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BackgroundLoops } from '../background-loops.js';
import { PeriodicTask } from '../periodic-task.js';
import { isDatabaseUnavailable } from './session/database-errors.js';

/** Two monotonic clocks drift apart by less than a millisecond in this time; a failover or a suspend shows within it. */
const MEASURE_INTERVAL_MS = 10_000;

/** The database's time minus the process's monotonic clock. The local clock stands in until the first measurement. */
let offsetMs = performance.timeOrigin;

/**
 * The database's time, which every instance shares. Times that are stored, and ages of stored times, use this clock: the
 * local wall clock may be wrong or be set at any moment, and neither changes this one. It is off by at most half the
 * fastest round trip to the database.
 */
export function databaseNow(): Date {
  return new Date(performance.now() + offsetMs);
}

/**
 * Corrects the offset by one measurement. The database read its clock between the two local times, so the true offset
 * lies in an interval; the current offset is kept where it is inside. Slow round trips therefore add no jitter.
 *
 * @param sentAt and `receivedAt`: of the monotonic clock, in milliseconds, as all times here
 */
export function correctOffset(
  offset: number,
  databaseMs: number,
  sentAt: number,
  receivedAt: number,
): number {
  return Math.min(Math.max(offset, databaseMs - receivedAt), databaseMs - sentAt);
}

/** Keeps `databaseNow` in step with the database. */
@Injectable()
export class DatabaseClock implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(DatabaseClock.name);
  private readonly measurements: PeriodicTask;

  constructor(
    private readonly dataSource: DataSource,
    loops: BackgroundLoops,
  ) {
    const loop = loops.add('database_clock', { pauseMs: MEASURE_INTERVAL_MS });
    this.measurements = new PeriodicTask(() => this.measure(), MEASURE_INTERVAL_MS, loop);
  }

  async onModuleInit(): Promise<void> {
    await this.measure();
    this.measurements.start();
  }

  onModuleDestroy(): void {
    this.measurements.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.measurements.ended();
  }

  /** @returns whether the database has answered */
  private async measure(): Promise<boolean> {
    const sentAt = performance.now();
    const databaseMs = await this.readDatabaseTime();
    if (databaseMs === undefined) return false;
    offsetMs = correctOffset(offsetMs, databaseMs, sentAt, performance.now());
    return true;
  }

  /** @returns undefined while the database is unavailable: the clock keeps its offset */
  private async readDatabaseTime(): Promise<number | undefined> {
    try {
      const [row] = await this.dataSource.query<{ ms: number }[]>(
        `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`,
      );
      return row?.ms;
    } catch (error) {
      if (isDatabaseUnavailable(error)) return undefined;
      // The next measurement may succeed, and background work must not reject.
      this.logger.error({ err: error }, 'The time of the database could not be read');
      return undefined;
    }
  }
}
