import { setTimeout as sleep } from 'node:timers/promises';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded-postgres.ts';
import { messageOf } from '../input.ts';

/** The waits before each attempt at a restart. Together five minutes: enough to free some space on a full disk. */
const RESTART_WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 60_000, 60_000, 60_000];

/** A server that ran for this long recovered: its next end starts a new count of attempts. */
const STABLE_MS = 60_000;

export interface Supervision {
  /** Receives one line for each end, restart and failure. */
  report: (line: string) => void;
  restartWaitsMs?: readonly number[];
}

/**
 * The embedded PostgreSQL, restarted on the same port when it ends without being asked to: after a PANIC on a full disk,
 * for example, or when the system killed it.
 */
export class SupervisedPostgres {
  /** Resolves when the server has ended and all restarts have failed. Never resolves after a stop. */
  readonly lost: Promise<void>;
  private isStopping = false;
  private readonly stopSignal = new AbortController();
  private restarting: Promise<void> | undefined;

  private server: EmbeddedPostgres;
  private readonly options: EmbeddedPostgresOptions;
  private readonly report: Supervision['report'];
  private readonly restartWaitsMs: readonly number[];

  private constructor(
    server: EmbeddedPostgres,
    options: EmbeddedPostgresOptions,
    report: Supervision['report'],
    restartWaitsMs: readonly number[],
  ) {
    this.server = server;
    this.options = options;
    this.report = report;
    this.restartWaitsMs = restartWaitsMs;
    this.lost = new Promise((resolve) => {
      void this.supervise().then(() => this.isStopping || resolve());
    });
  }

  /** @throws {EmbeddedPostgresError} when the first start fails */
  static async start(
    options: EmbeddedPostgresOptions,
    { report, restartWaitsMs = RESTART_WAITS_MS }: Supervision,
  ): Promise<SupervisedPostgres> {
    const server = await startEmbeddedPostgres(options);
    // Those who know the address keep it.
    const port = Number(new URL(server.url).port);
    return new SupervisedPostgres(server, { ...options, port }, report, restartWaitsMs);
  }

  get url(): string {
    return this.server.url;
  }

  get passwordFile(): string {
    return this.server.passwordFile;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.stopSignal.abort();
    // A server that is just starting has to be stopped as well.
    await this.restarting;
    await this.server.stop();
  }

  private async supervise(): Promise<void> {
    const allowed = this.restartWaitsMs.length;
    for (let failures = 0, startedAt = performance.now(); ;) {
      await this.server.ended;
      if (this.isStopping) return;
      if (performance.now() - startedAt > STABLE_MS) failures = 0;
      const waitMs = this.restartWaitsMs[failures];
      if (waitMs === undefined) break;
      failures += 1;
      const when = `Restarting it in ${waitMs / 1_000} s (attempt ${failures} of ${allowed})`;
      this.report(`PostgreSQL is not running (log: ${this.server.logFile}). ${when}.`);
      await sleep(waitMs, undefined, { signal: this.stopSignal.signal }).catch(() => undefined);
      if (this.isStopping) return;
      startedAt = performance.now();
      this.restarting = this.restart();
      await this.restarting;
    }
    this.report(
      `PostgreSQL did not stay up after ${allowed} restarts; giving up. See ${this.server.logFile}.`,
    );
  }

  private async restart(): Promise<void> {
    try {
      // Gives up the claim on the old server, which the new one has to grant again.
      await this.server.stop();
      this.server = await startEmbeddedPostgres(this.options);
      this.report('PostgreSQL is running again.');
    } catch (error) {
      this.report(`PostgreSQL could not be restarted: ${messageOf(error)}`);
    }
  }
}
