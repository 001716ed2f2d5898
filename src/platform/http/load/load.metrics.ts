import { Counter, Gauge, type Registry } from 'prom-client';
import type { CallerBulkhead, RefusalReason } from './caller-bulkhead.js';

const refusals = new Counter({
  name: 'bulkhead_refusals_total',
  help: 'Requests refused because too many of their kind were in progress, by kind and reason: caller_share (of this caller) or full.',
  labelNames: ['kind', 'reason'] as const,
});

const slowReaders = new Counter({
  name: 'http_slow_readers_cut_total',
  help: 'Connections that were reset because their client read a response too slowly.',
});

export function countRefusal(kind: string, reason: RefusalReason): void {
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
    help: 'Requests of a kind that may be in progress at a time.',
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
