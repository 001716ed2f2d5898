import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CallerBulkhead, RefusalReason } from './caller-bulkhead.js';

const refusals = new Counter({
  name: 'bulkhead_refusals_total',
  help: 'Requests refused by kind and reason: caller_share (a customer had its share, 429), processor_share (a caller had its processor time, 429) or full (503).',
  labelNames: ['kind', 'reason'] as const,
});

const slowReaders = new Counter({
  name: 'http_slow_readers_cut_total',
  help: 'Connections that were reset because their client read a response too slowly.',
});

const processorWaits = new Histogram({
  name: 'processor_share_wait_seconds',
  help: 'How long requests waited because their caller had used its processor time; unbounded requests have no permits, refused ones had no right to their route.',
  labelNames: ['kind'] as const,
  buckets: [0.01, 0.05, 0.25, 1],
});

export function observeProcessorWait(kind: string, ms: number): void {
  processorWaits.observe({ kind }, ms / 1_000);
}

export function countRefusal(kind: string, reason: RefusalReason | 'processor_share'): void {
  refusals.inc({ kind, reason });
}

export function countSlowReader(): void {
  slowReaders.inc();
}

/** @param bulkheads by kind; looked at when the metrics are collected */
export function measureBulkheads(registry: Registry, bulkheads: ReadonlyMap<string, CallerBulkhead>): void {
  const registers = [registry];
  const permits: Gauge<'kind'> = new Gauge({
    name: 'bulkhead_permits',
    help: 'Requests of a kind that may be in progress at a time (docs/reference/limits.md#shares).',
    labelNames: ['kind'],
    registers,
    collect: () => {
      for (const [kind, { total }] of bulkheads) permits.set({ kind }, total);
    },
  });
  const inUse: Gauge<'kind'> = new Gauge({
    name: 'bulkhead_permits_in_use',
    help: 'Requests of a kind that are in progress.',
    labelNames: ['kind'],
    registers,
    collect: () => {
      for (const [kind, bulkhead] of bulkheads) inUse.set({ kind }, bulkhead.inUse);
    },
  });
}
