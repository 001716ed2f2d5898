import type { components } from '../../../docs/openapi.js';

/** The body of an error response (RFC 9457). */
export type ProblemBody = components['schemas']['OrderProblemResponse'];

/** A request that failed, with the problem that the service returned. */
export class ProblemError extends Error {
  readonly type: string;

  constructor(
    readonly status: number,
    readonly body: Partial<ProblemBody>,
    /** Names the request in the logs of the service. */
    readonly requestId: string | null,
    /** How long to wait before the same request, in milliseconds; 0 where the service does not say. */
    readonly retryAfterMs = 0,
  ) {
    super(body.detail ?? `The service answered ${status}`);
    this.name = 'ProblemError';
    this.type = body.type?.replace('/problems/', '') ?? 'unknown';
  }
}

/** Parses an error response. */
export async function refusalOf(response: Response): Promise<ProblemError> {
  const isProblem = response.headers.get('content-type')?.includes('json') ?? false;
  const body = isProblem ? ((await response.json()) as Partial<ProblemBody>) : {};
  // A proxy may send a date, which counts as no advice.
  const retryAfterMs = (Number(response.headers.get('retry-after')) || 0) * 1_000;
  return new ProblemError(response.status, body, response.headers.get('x-request-id'), retryAfterMs);
}

/** A change that was not sent, because there was no network. */
export class OfflineError extends Error {
  constructor() {
    super('You were offline, so nothing was sent');
    this.name = 'OfflineError';
  }
}

/** Whether a retry of the same request may succeed: there was no response, or a temporary error. */
export function mayPass(error: unknown): boolean {
  if (error instanceof OfflineError) return false;
  if (!(error instanceof ProblemError)) return true;
  return error.status === 429 || error.status >= 502;
}

/** Whether a change may have been made although it failed: no answer arrived, or one that does not say so. */
export function isOutcomeUnknown(error: unknown): boolean {
  if (error instanceof OfflineError) return false;
  return !(error instanceof ProblemError) || error.status >= 500;
}

/** Whether the service refused a request because it has too much to do, or the caller too many requests in progress. */
export function isRefusedForNow(error: unknown): error is ProblemError {
  return error instanceof ProblemError && (error.status === 429 || error.status === 503);
}

/** The last line is missing: some of the orders have not arrived, although the transfer looks complete. */
export class IncompleteExportError extends Error {
  constructor() {
    super('The export is incomplete');
    this.name = 'IncompleteExportError';
  }
}
