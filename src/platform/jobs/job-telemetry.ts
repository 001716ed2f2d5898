import type { Job, JobResult } from 'pg-boss';
import { Histogram } from 'prom-client';
import { formatTraceparent, parseTraceContext, type TraceContext } from '../telemetry/trace-context.js';
import { startSpan } from '../telemetry/tracer.js';
import { currentPlace, inPlace, newWork } from '../telemetry/work.js';

/** From a job that finds nothing to do to the limit of an attempt, 10 s. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const attemptDuration = new Histogram({
  name: 'job_attempt_duration_seconds',
  help: 'How long attempts at background jobs took, by queue and by whether they succeeded (completed, failed).',
  labelNames: ['queue', 'outcome'] as const,
  buckets: BUCKETS_S,
});

/** What a payload has besides what its handler asks for. */
interface Traced {
  traceparent?: unknown;
  orderId?: unknown;
}

/** The payload of a job that is sent now, with the place in the trace that it comes from, where there is one. */
export function withTrace(payload: object): object {
  const trace = currentPlace()?.trace;
  return trace ? { ...payload, traceparent: formatTraceparent(trace) } : payload;
}

/**
 * Measures one attempt at a job, and makes it part of the trace in which the job was sent. Repetitions, of which there
 * may be thousands over days, are traces of their own that point to it.
 */
export async function observeJob(job: Job, attempt: () => Promise<JobResult>): Promise<JobResult> {
  const { traceparent, orderId } = job.data as Traced;
  const origin = parseTraceContext(traceparent);
  const isFirst = job.retryCount === 0;
  const span = startSpan({
    name: `job ${job.name}`,
    kind: 'consumer',
    attributes: {
      'messaging.destination.name': job.name,
      'messaging.message.id': job.id,
      ...(typeof orderId === 'string' && { 'order.id': orderId }),
    },
    ...(isFirst ? { parent: origin } : { follows: origin }),
  });
  const trace: TraceContext | undefined = span?.context ?? origin;
  const work = newWork(typeof orderId === 'string' ? { orderId } : {});
  const begun = performance.now();
  const result = await inPlace({ work, trace }, attempt);
  const outcome = result.status === 'completed' ? 'completed' : 'failed';
  attemptDuration.observe({ queue: job.name, outcome }, (performance.now() - begun) / 1_000);
  if (outcome === 'failed') span?.fail('failed');
  span?.end();
  return result;
}
