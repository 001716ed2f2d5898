import { AsyncLocalStorage } from 'node:async_hooks';
import { Deadline } from '../deadline.js';
import { type TraceContext, traceHeaders } from './trace-context.js';

/** Calls to one other service, and the time they took in all, in milliseconds. */
export interface CallTally {
  calls: number;
  ms: number;
}

/** A kind of thing that work is about, with the names of its id in log lines and in spans. Features define their own. */
export interface WorkSubject {
  readonly logged: string;
  readonly traced: string;
}

/** A request or a background task, with the data collected during it. */
export interface RequestContext {
  /** Identifies the request in the log, in its response and in outgoing calls; absent for background work. */
  readonly requestId?: string;
  /** Ids of what the work is about. */
  readonly subjects: Map<WorkSubject, string>;
  /** Who sent the request, or its address where `AUTH=none`; absent for background work. Never logged. */
  caller?: string;
  /** Name of the problem that the request was answered with. */
  problem?: string;
  /** The cause, if it is temporary; holds no user input. */
  fault?: string;
  readonly upstreams: Map<string, CallTally>;
  /** Result of each attempt at a call to another service: the status class, or the reason for its absence. */
  readonly attempts: string[];
}

/** A unit of work and its current position in its trace. */
export interface ExecutionContext {
  readonly work: RequestContext;
  readonly trace: TraceContext | undefined;
  /** When the work must be finished, its statements included; absent where only the limit of a statement applies. */
  readonly deadline?: Deadline | undefined;
}

/** Follows everything that is done for a piece of work, so that it need not be handed through every call. */
const storage = new AsyncLocalStorage<ExecutionContext>();

export function newRequestContext(
  requestId?: string,
  subjects: Iterable<readonly [WorkSubject, string]> = [],
): RequestContext {
  const known = requestId === undefined ? {} : { requestId };
  return { ...known, subjects: new Map(subjects), upstreams: new Map(), attempts: [] };
}

/** The ids of what the work is about, by their names in log lines or in spans. */
export function subjectsOf({ subjects }: RequestContext, place: keyof WorkSubject): Record<string, string> {
  return Object.fromEntries([...subjects].map(([subject, id]) => [subject[place], id]));
}

export function currentContext(): ExecutionContext | undefined {
  return storage.getStore();
}

/** Does something as part of a piece of work, and all that follows from it. */
export function runInContext<T>(context: ExecutionContext, action: () => T): T {
  return storage.run(context, action);
}

/** The deadline of the current request or task. */
export function currentDeadline(): Deadline | undefined {
  return storage.getStore()?.deadline;
}

/** The deadline of the current request; a new one outside of requests. */
export function requestDeadline(milliseconds: number): Deadline {
  return currentDeadline() ?? Deadline.in(milliseconds);
}

/** Runs an action under another deadline. */
export function withDeadline<T>(deadline: Deadline | undefined, action: () => T): T {
  const context = storage.getStore() ?? { work: newRequestContext(), trace: undefined };
  return storage.run({ ...context, deadline }, action);
}

/** Runs an action outside any request context, for work that serves several requests. */
export function runDetached<T>(action: () => T): T {
  return storage.exit(action);
}

/** The header fields that pass the request id and the trace on to another service. */
export function fieldsToPassOn(): Record<string, string> {
  const context = storage.getStore();
  if (!context) return {};
  const { requestId } = context.work;
  return { ...(requestId !== undefined && { 'x-request-id': requestId }), ...traceHeaders(context.trace) };
}

/** Adds the id of a subject to the log lines and the span of the current context. */
export function noteSubject(subject: WorkSubject, id: string): void {
  storage.getStore()?.work.subjects.set(subject, id);
}

/** Records the problem that the current request returns. */
export function noteProblem(problem: string, fault?: string): void {
  const work = storage.getStore()?.work;
  if (!work) return;
  work.problem = problem;
  if (fault !== undefined) work.fault = fault;
}

/** @param outcome the class of the status that came, as in `2xx`, or why none did, as in `timeout` */
export function noteUpstreamCall(upstream: string, outcome: string, ms: number): void {
  const work = storage.getStore()?.work;
  if (!work) return;
  const tally = work.upstreams.get(upstream) ?? { calls: 0, ms: 0 };
  tally.calls += 1;
  tally.ms += ms;
  work.upstreams.set(upstream, tally);
  work.attempts.push(outcome);
}

/**
 * Runs a step of the current request and records its attempts at calls to other services.
 *
 * @returns the result of the step, the outcome of each attempt, and the duration in milliseconds
 */
export async function watchAttempts<T>(
  step: () => Promise<T>,
): Promise<{ result: T; attempts: readonly string[]; ms: number }> {
  const attempts = storage.getStore()?.work.attempts ?? [];
  const before = attempts.length;
  const begun = performance.now();
  const result = await step();
  return { result, attempts: attempts.slice(before), ms: performance.now() - begun };
}
