import { Counter, Gauge, Histogram } from 'prom-client';
import { type Span, traced } from '../telemetry/tracer.js';
import { noteUpstreamCall } from '../telemetry/request-context.js';
import { type CircuitState, upstreamStates } from './upstream-circuit.js';
import { AttemptFailure } from './upstream-retry.js';

/** From a call within one machine to the longest that an attempt may take (`UPSTREAM_TIMEOUT_MS`, at most 10 s). */
const BUCKETS_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10];

const STATES: readonly CircuitState[] = ['closed', 'open', 'half_open'];

const attemptDuration = new Histogram({
  name: 'upstream_request_duration_seconds',
  help: 'Attempts at calls to other services. outcome: 2xx to 5xx, timeout, connection, not_sent, garbage (not JSON) or invalid (JSON that breaks the contract).',
  labelNames: ['upstream', 'method', 'outcome'] as const,
  buckets: BUCKETS_S,
});

const turnedAway = new Counter({
  name: 'upstream_requests_turned_away_total',
  help: 'Calls that the open circuit of a service refused.',
  labelNames: ['upstream', 'method'] as const,
});

/** Reads the state at each scrape, so that it needs no updates. */
const circuitState = new Gauge({
  name: 'upstream_circuit_state',
  help: '1 for the state that the circuit of a service is in: closed (calls pass), open (calls are refused) or half_open (one trial call).',
  labelNames: ['upstream', 'state'] as const,
  collect: () => {
    for (const { upstream, state } of upstreamStates()) {
      for (const candidate of STATES) {
        circuitState.set({ upstream, state: candidate }, candidate === state ? 1 : 0);
      }
    }
  },
});

/** Measures one attempt at a call as a span of the current trace. */
export async function observeAttempt<Answer extends { status: number }>(
  upstream: string,
  method: string,
  send: () => Promise<Answer>,
): Promise<Answer> {
  const attributes = { 'http.request.method': method, 'peer.service': upstream };
  return traced({ name: `${method} ${upstream}`, kind: 'client', attributes }, async (span) => {
    const begun = performance.now();
    let outcome = 'fault';
    try {
      const answer = await send();
      outcome = classOf(answer.status);
      span?.set({ 'http.response.status_code': answer.status });
      return answer;
    } catch (error) {
      outcome = outcomeOf(error, span);
      throw error;
    } finally {
      const ms = performance.now() - begun;
      attemptDuration.observe({ upstream, method, outcome }, ms / 1_000);
      noteUpstreamCall(upstream, outcome, ms);
    }
  });
}

export function observeTurnedAway(upstream: string, method: string): void {
  turnedAway.inc({ upstream, method });
}

function outcomeOf(error: unknown, span: Span | undefined): string {
  if (!(error instanceof AttemptFailure)) return 'fault';
  if (error.status === undefined) return error.fault.kind;
  span?.set({ 'http.response.status_code': error.status });
  return classOf(error.status);
}

function classOf(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}
