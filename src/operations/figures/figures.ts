import { Injectable } from '@nestjs/common';
import { smallestIdAt } from '../../orders/dto/list-orders.dto.js';
import { NOTIFY } from '../../orders/order.tasks.js';
import type { OrderStatus } from '../../orders/order-status.js';
import {
  type CircuitState,
  type LastCall,
  upstreamStates,
} from '../../platform/upstream/upstream-circuit.js';
import { mapBounded } from '../../platform/upstream/upstream-parallel.js';
import { TaskReportsRepository } from '../task-reports.repository.js';
import { FiguresRepository, type StatusCount } from './figures.repository.js';
import { percentile, type Weighted } from './percentile.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Spans of time that figures are about, in steps that make a chart. */
export const WINDOWS = {
  hour: { steps: 60, stepSeconds: 60 },
  day: { steps: 96, stepSeconds: 900 },
} as const;

export type FiguresWindow = keyof typeof WINDOWS;

/**
 * Orders counted in a step; beyond it the step is extrapolated. It bounds a request to 192,000 neighbouring rows,
 * some tenths of a second, at any number of orders.
 */
const MAX_COUNTED = 2_000;

/** Sampled orders of a step for the percentiles. */
const MAX_TIMED = 50;

/** Steps read concurrently; requests of others need the remaining connections. */
const STEPS_AT_ONCE = 2;

/** Cache lifetime: invisible on a chart, and many viewers cost as much as one. */
const FRESH_MS = 10_000;

/** Shops have a few channels; of more, the oldest figures are dropped. */
const MAX_CACHED = 20;

/** Came to be something else than confirmed. */
const NEVER_CONFIRMED: readonly OrderStatus[] = ['pending', 'rejected', 'failed', 'reserved', 'expired'];

const UPSTREAM_STATES: Record<CircuitState, 'up' | 'down' | 'trying'> = {
  closed: 'up',
  open: 'down',
  half_open: 'trying',
};

/** Orders that were placed within one step, by status. */
interface Step {
  start: number;
  counts: StatusCount[];
  isEstimate: boolean;
  times: Weighted[];
}

/** What became of the orders whose stock was held for a payment. */
export interface HoldFigures {
  reserved: number;
  /** Regardless of later changes, and of how late. */
  confirmed: number;
  expired: number;
  /** Before they were confirmed. */
  cancelled: number;
  /** Parts of the holds that have ended; null where none has. */
  conversion: number | null;
  expiredShare: number | null;
}

export interface Figures {
  from: Date;
  to: Date;
  stepSeconds: number;
  isEstimate: boolean;
  points: { time: Date; placed: number; confirmed: number; rejected: number; failed: number }[];
  byStatus: Map<OrderStatus, number>;
  rejectedByReason: Map<string, number>;
  holds: HoldFigures;
  confirmedAfterMs: { p50: number | null; p95: number | null };
  notifications: { waiting: number; oldest: Date | null; failed: number };
  upstreams: { name: string; state: 'up' | 'down' | 'trying'; lastCall: LastCall | null }[];
}

/** The data of the charts. */
@Injectable()
export class FiguresService {
  private readonly latest = new Map<string, { at: number; figures: Promise<Figures> }>();

  constructor(
    private readonly repository: FiguresRepository,
    private readonly tasks: TaskReportsRepository,
  ) {}

  /** @param source the channel of the orders; undefined means all of them */
  async get(window: FiguresWindow, source?: string): Promise<Figures> {
    const key = JSON.stringify([window, source]);
    const known = this.latest.get(key);
    if (known && performance.now() - known.at < FRESH_MS) return known.figures;
    const figures = this.look(window, source);
    const look = { at: performance.now(), figures };
    const [oldest] = this.latest.keys();
    if (this.latest.size >= MAX_CACHED && oldest !== undefined) this.latest.delete(oldest);
    this.latest.set(key, look);
    // An error goes to the callers that wait for it, and must not be cached.
    figures.catch(() => {
      if (this.latest.get(key) === look) this.latest.delete(key);
    });
    return figures;
  }

  private async look(window: FiguresWindow, source: string | undefined): Promise<Figures> {
    const { steps: count, stepSeconds } = WINDOWS[window];
    const stepMs = stepSeconds * 1_000;
    const now = databaseNow().getTime();
    const newest = now - (now % stepMs);
    const starts = Array.from({ length: count }, (_, at) => newest - (count - 1 - at) * stepMs);
    const steps = await mapBounded(starts, STEPS_AT_ONCE, (start) =>
      this.readStep(start, Math.min(start + stepMs, now + 1), source),
    );
    const times = steps.flatMap((step) => step.times);
    return {
      from: new Date(starts[0] ?? now),
      to: new Date(now),
      stepSeconds,
      isEstimate: steps.some(({ isEstimate }) => isEstimate),
      points: steps.map(toPoint),
      byStatus: sumBy(steps, ({ status }) => status),
      rejectedByReason: sumBy(steps, ({ status, failure }) => (status === 'rejected' ? failure : null)),
      holds: holdsOf(steps.flatMap(({ counts }) => counts)),
      confirmedAfterMs: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
      notifications: await this.measureNotifications(),
      upstreams: upstreamStates().map(({ upstream, state, lastCall }) => ({
        name: upstream,
        state: UPSTREAM_STATES[state],
        lastCall,
      })),
    };
  }

  private async readStep(start: number, end: number, source: string | undefined): Promise<Step> {
    const [fromId, beforeId] = [start, end].map((time) => smallestIdAt(new Date(time).toISOString()));
    if (fromId === undefined || beforeId === undefined) throw new Error('a step has two ends');
    const span = { fromId, beforeId, source };
    const counted = await this.repository.countOrders(span, MAX_COUNTED);
    const total = sum(counted);
    if (total === 0) return { start, counts: [], isEstimate: false, times: [] };
    const isEstimate = total === MAX_COUNTED;
    const last = Math.max(...counted.map((each) => each.last.getTime()));
    const factor = isEstimate ? (end - start) / (last - start + 1) : 1;
    const counts = counted.map((each) => ({ ...each, count: Math.round(each.count * factor) }));
    const times = await this.repository.timeConfirmations(span, MAX_TIMED);
    // Few are timed of each step, so each of them stands for its part of the step.
    const weight = sum(counts) / times.length;
    return { start, counts, isEstimate, times: times.map((value) => ({ value, weight })) };
  }

  private async measureNotifications(): Promise<Figures['notifications']> {
    const [backlog] = await this.tasks.measureBacklogs([NOTIFY.name]);
    const { count: failed } = await this.tasks.countDead([NOTIFY.name]);
    return { waiting: backlog?.waiting ?? 0, oldest: backlog?.oldest ?? null, failed };
  }
}

function sum(counts: readonly StatusCount[]): number {
  return counts.reduce((total, { count }) => total + count, 0);
}

function toPoint({ start, counts }: Step): Figures['points'][number] {
  return {
    time: new Date(start),
    placed: sum(counts),
    confirmed: sum(counts.filter(wasConfirmed)),
    rejected: sum(counts.filter(({ status }) => status === 'rejected')),
    failed: sum(counts.filter(({ status }) => status === 'failed')),
  };
}

function wasConfirmed({ status, isCancelledHold }: StatusCount): boolean {
  return !isCancelledHold && !NEVER_CONFIRMED.includes(status);
}

function holdsOf(counts: readonly StatusCount[]): HoldFigures {
  const held = counts.filter(({ hasHold }) => hasHold);
  const confirmed = sum(held.filter(wasConfirmed));
  const expired = sum(held.filter(({ status }) => status === 'expired'));
  const cancelled = sum(held.filter(({ isCancelledHold }) => isCancelledHold));
  const ended = confirmed + expired + cancelled;
  return {
    reserved: sum(held.filter(({ status }) => status === 'reserved')),
    confirmed,
    expired,
    cancelled,
    conversion: ended === 0 ? null : confirmed / ended,
    expiredShare: ended === 0 ? null : expired / ended,
  };
}

/** @param keyOf null leaves the orders out */
function sumBy<Key>(steps: readonly Step[], keyOf: (counted: StatusCount) => Key | null): Map<Key, number> {
  const sums = new Map<Key, number>();
  for (const counted of steps.flatMap(({ counts }) => counts)) {
    const key = keyOf(counted);
    if (key !== null) sums.set(key, (sums.get(key) ?? 0) + counted.count);
  }
  return sums;
}
