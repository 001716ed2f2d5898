import { Gauge, Histogram } from 'prom-client';
import { parseTraceContext } from '../telemetry/trace-context.js';
import { startSpan } from '../telemetry/tracer.js';
import { fieldsToPassOn, inPlace, newWork } from '../telemetry/work.js';
import type { TakenJob } from './job-turns.js';

/** From a job that finds nothing to do to the limit of an attempt, 10 s. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const attemptDuration = new Histogram({
  name: 'job_attempt_duration_seconds',
  help: 'How long attempts at background jobs took, by queue and by whether they succeeded (completed, failed).',
  labelNames: ['queue', 'outcome'] as const,
  buckets: BUCKETS_S,
});

const concurrencyLimit = new Gauge({
  name: 'job_concurrency_limit',
  help: 'Background jobs of a queue that this instance runs at a time, at most. It adapts to the service that they call.',
  labelNames: ['queue'] as const,
});

export function observeLimit(queue: string, limit: number): void {
  concurrencyLimit.set({ queue }, limit);
}

/** What a job's data holds beside its payload: the request that it was sent for, as it is told to other services. */
interface Caused {
  causedBy?: Record<string, unknown>;
  /** Of the payload, where the job is about an order. */
  orderId?: unknown;
}

/** The data of a job that is sent now: its payload, and the request that it is sent for, where there is one. */
export function withCause(payload: object): object {
  const causedBy = fieldsToPassOn();
  return Object.keys(causedBy).length > 0 ? { ...payload, causedBy } : payload;
}

/**
 * Measures one attempt at a job, and makes it part of the trace in which the job was sent. Repetitions, of which there
 * may be thousands over days, are traces of their own that point to it.
 *
 * @param attempt tells why it failed, and nothing when it succeeded
 */
export async function observeJob(
  job: TakenJob,
  attempt: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const { causedBy = {}, orderId } = job.data as Caused;
  const requestId = causedBy['x-request-id'];
  const origin = parseTraceContext(causedBy['traceparent'], causedBy['tracestate']);
  const about = typeof orderId === 'string' ? orderId : undefined;
  const span = startSpan({
    name: `job ${job.name}`,
    kind: 'consumer',
    attributes: {
      'messaging.destination.name': job.name,
      'messaging.message.id': job.id,
      ...(about !== undefined && { 'order.id': about }),
    },
    ...(job.retryCount === 0 ? { parent: origin } : { follows: origin }),
  });
  const work = newWork({
    ...(typeof requestId === 'string' && { requestId }),
    ...(about !== undefined && { orderId: about }),
  });
  const begun = performance.now();
  const failure = await inPlace({ work, trace: span?.context ?? origin }, attempt);
  const outcome = failure === undefined ? 'completed' : 'failed';
  attemptDuration.observe({ queue: job.name, outcome }, (performance.now() - begun) / 1_000);
  if (outcome === 'failed') span?.fail('failed');
  span?.end();
  return failure;
}
