import type { TraceContext } from './trace-context.js';
import { currentContext, runInContext, newRequestContext } from './request-context.js';

/** Attributes of a span. No user input: no identifiers except those of the work's subjects, no messages of errors. */
export type SpanAttributes = Record<string, string | number>;

export interface SpanStart {
  /** Of low cardinality, as in `POST /orders`. */
  name: string;
  /** `server`: a request that came in. `client`: one that went out. `consumer`: a job. */
  kind: 'server' | 'client' | 'consumer' | 'internal';
  attributes?: SpanAttributes;
  /** The parent; without one the span starts a trace. */
  parent?: TraceContext | undefined;
  /** A position in another trace that this one follows from. */
  follows?: TraceContext | undefined;
}

/** Something that takes time, while it is done. */
export interface Span {
  readonly context: TraceContext;
  set(attributes: SpanAttributes): void;
  /** @param type the kind of failure: a class or a code, never a message */
  fail(type: string): void;
  end(): void;
}

/** Records spans. */
export abstract class Tracer {
  abstract start(span: SpanStart): Span;
  /** Exports pending spans. */
  abstract stop(): Promise<void>;
}

/** Undefined unless the operator configures traces: then nothing is measured, and no package is loaded. */
let tracer: Tracer | undefined;

export function useTracer(other: Tracer | undefined): void {
  tracer = other;
}

/** @returns undefined where no traces are recorded */
export function startSpan(span: SpanStart): Span | undefined {
  return tracer?.start(span);
}

/**
 * Runs work in a span, below the current one unless `parent` is given.
 *
 * @param work gets the span when traces are recorded
 */
export async function traced<T>(
  start: Omit<SpanStart, 'parent'>,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  if (!tracer) return work(undefined);
  const context = currentContext();
  const span = tracer.start({ ...start, parent: context?.trace });
  try {
    return await runInContext({ work: newRequestContext(), ...context, trace: span.context }, () =>
      work(span),
    );
  } catch (error) {
    span.fail(typeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The class of an error, without its message, which may hold user input. */
export function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
