import { isTracestate } from './trace-state.js';

/** A position in a distributed trace, as in the header `traceparent` (W3C Trace Context, section 3.2). */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits: the parent span of the next step. */
  spanId: string;
  /** One byte; its lowest bit says that the trace is being recorded. */
  flags: number;
  /** The header `tracestate`, which is handed on as it came. */
  state?: string | undefined;
}

/** The defined flags: sampled and, in level 2, random. The others must be sent as zero. */
const KNOWN_FLAGS = 0b11;

/** Later versions may have more after the flags, this one must not; what is before them is promised to stay. */
const TRACEPARENT =
  /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** A later version may be longer; more than this is not worth carrying through every call and task. */
const MAX_TRACEPARENT_LENGTH = 128;

/**
 * Parses the headers of W3C Trace Context, more strictly than OpenTelemetry: see docs/decisions/0043.
 *
 * @returns undefined for missing or invalid headers, which the specification says to ignore
 */
export function parseTraceContext(traceparent: unknown, tracestate?: unknown): TraceContext | undefined {
  const isText = typeof traceparent === 'string' && traceparent.length <= MAX_TRACEPARENT_LENGTH;
  const found = isText ? TRACEPARENT.exec(traceparent) : null;
  const [, traceId, spanId, flags] = found ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return {
    traceId,
    spanId,
    flags: Number.parseInt(flags, 16),
    state: typeof tracestate === 'string' && isTracestate(tracestate) ? tracestate : undefined,
  };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${(flags & KNOWN_FLAGS).toString(16).padStart(2, '0')}`;
}

/** The headers that make another service part of the trace. */
export function traceHeaders(context: TraceContext | undefined): Record<string, string> {
  if (!context) return {};
  return {
    traceparent: formatTraceparent(context),
    ...(context.state !== undefined && { tracestate: context.state }),
  };
}
