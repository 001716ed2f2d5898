import { Gauge, Histogram } from 'prom-client';
import { parseTraceContext } from '../platform/telemetry/trace-context.js';
import { startSpan } from '../platform/telemetry/tracer.js';
import { runInContext, newRequestContext } from '../platform/telemetry/request-context.js';
import { ORDER } from './order-subject.js';
import type { LeasedTask } from './task-kind.js';

/** From a task that finds nothing to do to the usual limit of an attempt, 10 s. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const attemptDuration = new Histogram({
  name: 'job_attempt_duration_seconds',
  help: 'Attempts at background tasks by kind (label queue) and outcome (completed, failed).',
  labelNames: ['queue', 'outcome'] as const,
  buckets: BUCKETS_S,
});

const concurrencyLimit = new Gauge({
  name: 'job_concurrency_limit',
  help: 'Background tasks of a kind (label queue) that this instance runs at a time, at most. Grows while the service that they call is quick, shrinks when it slows down or fails.',
  labelNames: ['queue'] as const,
});

export function observeLimit(kind: string, limit: number): void {
  concurrencyLimit.set({ queue: kind }, limit);
}

/**
 * Measures one attempt as part of the trace that inserted the task. Retries, possibly thousands over days, are traces
 * of their own with a link to it.
 *
 * @param label stands for the kind
 * @param attempt returns why it failed, and undefined when it succeeded
 */
export async function observeAttempt<Failure>(
  label: string,
  { id, orderId, attempts, context }: LeasedTask,
  attempt: () => Promise<Failure | undefined>,
): Promise<Failure | undefined> {
  const requestId = context?.['x-request-id'];
  const origin = parseTraceContext(context?.['traceparent'], context?.['tracestate']);
  const span = startSpan({
    name: `task ${label}`,
    kind: 'consumer',
    attributes: { 'messaging.destination.name': label, 'messaging.message.id': id, [ORDER.traced]: orderId },
    ...(attempts === 1 ? { parent: origin } : { follows: origin }),
  });
  const work = newRequestContext(requestId, [[ORDER, orderId]]);
  const startedAt = performance.now();
  const failure = await runInContext({ work, trace: span?.context ?? origin }, attempt);
  const outcome = failure === undefined ? 'completed' : 'failed';
  attemptDuration.observe({ queue: label, outcome }, (performance.now() - startedAt) / 1_000);
  if (outcome === 'failed') span?.fail('failed');
  span?.end();
  return failure;
}
