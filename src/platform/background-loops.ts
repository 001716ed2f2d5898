import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Metrics } from './metrics/metrics.js';

/** Beyond its pause, a loop without progress for this long stands still. Longer than any statement may take. */
export const STANDSTILL_MS = 30_000;

/** A step with a remote call may be followed by a statement. */
const STATEMENT_MS = 15_000;

/** How long a loop may be without progress. */
export interface LoopTimes {
  /** From the end of one pass to the beginning of the next. */
  pauseMs: number;
  /** The longest legitimate step of a pass; 0 for statements only. */
  longestStepMs?: number;
}

/** The progress of one background loop, by the monotonic clock. */
export class BackgroundLoop {
  private progressAt: number | undefined;
  readonly allowedAgeMs: number;

  constructor(
    readonly name: string,
    { pauseMs, longestStepMs = 0 }: LoopTimes,
  ) {
    this.allowedAgeMs = pauseMs + Math.max(STANDSTILL_MS, longestStepMs + STATEMENT_MS);
  }

  /** From now on the loop has to make progress. */
  start(): void {
    this.progressAt = performance.now();
  }

  /** A pass has succeeded, or a step of a long one. */
  reportProgress(): void {
    if (this.progressAt !== undefined) this.progressAt = performance.now();
  }

  stop(): void {
    this.progressAt = undefined;
  }

  /** Milliseconds since the last progress; undefined while the loop does not run. */
  get ageMs(): number | undefined {
    return this.progressAt === undefined ? undefined : performance.now() - this.progressAt;
  }

  get isStandingStill(): boolean {
    return (this.ageMs ?? 0) > this.allowedAgeMs;
  }
}

/** Every background loop of this instance: for readiness and for metrics. */
@Injectable()
export class BackgroundLoops {
  private readonly loops = new Set<BackgroundLoop>();

  constructor({ registry }: Metrics) {
    const registers = [registry];
    const age: Gauge<'loop'> = new Gauge({
      name: 'background_loop_last_success_age_seconds',
      help: 'Time since a running background loop of this instance completed a pass, or a step of a long one.',
      labelNames: ['loop'],
      registers,
      collect: () => {
        age.reset();
        for (const { name, ageMs } of this.loops)
          if (ageMs !== undefined) age.set({ loop: name }, ageMs / 1_000);
      },
    });
    const allowed: Gauge<'loop'> = new Gauge({
      name: 'background_loop_allowed_age_seconds',
      help: 'Age of the last success beyond which a background loop stands still and the instance is not ready: its interval and 30 s.',
      labelNames: ['loop'],
      registers,
      collect: () => {
        allowed.reset();
        for (const { name, ageMs, allowedAgeMs } of this.loops)
          if (ageMs !== undefined) allowed.set({ loop: name }, allowedAgeMs / 1_000);
      },
    });
  }

  /** @returns a loop that counts from its start on */
  add(name: string, times: LoopTimes): BackgroundLoop {
    const loop = new BackgroundLoop(name, times);
    this.loops.add(loop);
    return loop;
  }

  /** Forgets a loop that never starts again. */
  remove(loop: BackgroundLoop): void {
    this.loops.delete(loop);
  }

  /** Loops that run and have made no progress for too long. */
  findStandingStill(): BackgroundLoop[] {
    return [...this.loops].filter((loop) => loop.isStandingStill);
  }
}
