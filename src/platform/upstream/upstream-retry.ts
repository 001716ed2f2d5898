import { UpstreamFault } from './upstream-fault.js';

/** One attempt and two retries: enough for a restart or a lost packet, too few to keep an overloaded service down. */
export const MAX_ATTEMPTS = 3;

/** About one round trip between data centres, so that the first retry does not meet the same moment. */
const FIRST_BACKOFF_MS = 50;

/** A longer pause would use up the deadline of a waiting request. */
const MAX_BACKOFF_MS = 1_000;

/** Statuses that mean "not now" rather than "no" (RFC 9110, RFC 8470, RFC 6585). */
const PASSING_CLIENT_ERRORS = new Set([408, 425, 429]);

/** Statuses about the credentials of this service: an operator corrects them, and no request can. */
const CREDENTIALS = new Set([401, 403, 407]);

/** Answers with a `Retry-After` that is worth obeying (RFC 9110, section 10.2.3; RFC 6585, section 4). */
const ANSWERS_THAT_NAME_A_PAUSE = new Set([429, 503]);

/** A failed attempt, with the data that decides on a retry. */
export class AttemptFailure extends Error {
  constructor(
    readonly fault: UpstreamFault,
    /** False when the same call would certainly fail again, as after a redirect. */
    readonly passing: boolean = true,
    /** `Retry-After` of the other service, in milliseconds. */
    readonly pauseMs: number = 0,
    /** The status of an answer that is no answer to the request. */
    readonly status?: number,
  ) {
    super(fault.message, { cause: fault });
    this.name = 'AttemptFailure';
  }
}

/** Whether a status is an answer to the request, rather than a failure to give one. */
export function isAnswer(status: number): boolean {
  if (status >= 200 && status < 300) return true;
  return status >= 400 && status < 500 && !PASSING_CLIENT_ERRORS.has(status);
}

/** Whether a retry may change a status that is no answer. A redirect will not. */
export function mayPass(status: number): boolean {
  return status >= 500 || PASSING_CLIENT_ERRORS.has(status);
}

/** The fault of a status that the contract of a call does not know. */
export function unexpectedStatus(upstream: string, status: number): UpstreamFault {
  const kind = mayPass(status) || CREDENTIALS.has(status) ? 'status' : 'invalid';
  return new UpstreamFault(upstream, kind, `answered ${status}`, undefined, status);
}

/** Whether a status confirms the effect. 202 only confirms acceptance (RFC 9110, section 15.3.3). */
export function isDone(status: number): boolean {
  return status === 200 || status === 201 || status === 204;
}

/**
 * Whether the failure points to a failing service. A redirect, a 4xx and an unreadable response do not: a single
 * request can provoke them on a healthy service.
 */
export function isFaultOfService(failure: unknown): boolean {
  if (!(failure instanceof AttemptFailure)) return false;
  if (failure.status !== undefined) return failure.status >= 500;
  return !failure.fault.isInvalidAnswer;
}

/** @returns milliseconds; 0 when the status is none that names a pause */
export function readRetryAfter(status: number, header: unknown): number {
  return ANSWERS_THAT_NAME_A_PAUSE.has(status) ? parseRetryAfter(header) : 0;
}

/**
 * Reads `Retry-After`, which is either a number of seconds or a date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds from now; 0 when the header is absent or can't be read
 */
export function parseRetryAfter(header: unknown): number {
  if (typeof header !== 'string') return 0;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}

/**
 * Backoff before the next attempt: exponential with full jitter, so that clients which failed together do not retry
 * together, and never less than the service's `Retry-After`.
 *
 * @param attempt the number of the failed attempt, from 1
 */
export function pauseAfter(attempt: number, failure: AttemptFailure): number {
  const limit = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1));
  return failure.pauseMs + Math.random() * limit;
}
