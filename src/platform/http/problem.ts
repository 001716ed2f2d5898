import type { UpstreamFault } from '../upstream/upstream-fault.js';
import { HTTP_PROBLEMS } from './problems/http.problems.js';
import { PROBLEM_PATH, type ProblemType, problemTypes } from './problems/problem-types.js';

/** One wrong field of a request, addressed as in `items[0].quantity`; empty for the body as a whole. */
export interface FieldError {
  field: string;
  message: string;
}

/** Delay before a retry after a temporary fault. */
export const RETRY_AFTER = { 'retry-after': '2' };

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Errors in one response. A client corrects a few and sends again; a list of thousands would only cost both sides. */
export const MAX_ERRORS = 50;

/** The detail is one sentence for people; `errors` has the rest. */
const MAX_ERRORS_IN_DETAIL = 10;

/** Maximum length of a field's path, longer than any real one. An unknown name may be as long as the body. */
const MAX_FIELD_LENGTH = 200;

function shorten(field: string): string {
  return field.length <= MAX_FIELD_LENGTH ? field : `${field.slice(0, MAX_FIELD_LENGTH).toWellFormed()}…`;
}

/**
 * An error answer as RFC 9457 describes it. Thrown where a request can't go on; the filter turns it into the answer.
 */
export class Problem extends Error {
  constructor(
    override readonly name: string,
    private readonly kind: ProblemType,
    readonly detail: string,
    /** Members beyond those of the RFC, such as `errors` or `shortages`. */
    readonly extensions: Record<string, unknown> = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(detail);
    // A type without a page would be an address at which clients find nothing.
    if (problemTypes().get(name) !== kind) throw new Error(`the problem type ${name} is not in the table`);
  }

  static http(
    name: keyof typeof HTTP_PROBLEMS,
    detail: string,
    extensions?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Problem {
    return new Problem(name, HTTP_PROBLEMS[name], detail, extensions, headers);
  }

  /** A request with invalid fields. The response lists a bounded number of them. */
  static invalidRequest(errors: readonly FieldError[]): Problem {
    const named = errors
      .slice(0, MAX_ERRORS)
      .map(({ field, message }) => ({ field: shorten(field), message }));
    const sentences = named
      .slice(0, MAX_ERRORS_IN_DETAIL)
      .map(({ field, message }) => (field === '' ? message : `${field} ${message}`));
    const more = named.length > sentences.length ? ['and more, see `errors`'] : [];
    return Problem.http(
      'invalid-request',
      `The request is not valid: ${[...sentences, ...more].join('; ')}`,
      { errors: named, ...(errors.length > named.length && { has_more_errors: true }) },
    );
  }

  get status(): number {
    return this.kind.status;
  }

  /** The answer's body. */
  toBody(): Record<string, unknown> {
    return {
      type: `${PROBLEM_PATH}${this.name}`,
      title: this.kind.title,
      status: this.status,
      detail: this.detail,
      ...this.extensions,
    };
  }
}

/** The instance is overloaded. The request had no effect. */
export function overloaded(why = 'The service has too much to do at the moment'): Problem {
  return Problem.http('overloaded', `${why}; nothing was done for this request`, {}, RETRY_AFTER);
}

/** The caller has used its share of concurrent requests. The request had no effect. */
export function concurrencyLimitExceeded(): Problem {
  return Problem.http(
    'concurrency-limit-exceeded',
    'This caller has as many requests of this kind in progress as one caller may have',
    {},
    RETRY_AFTER,
  );
}

/** The path of a request can't be decoded. */
export function malformedPath(): Problem {
  return Problem.invalidRequest([{ field: '', message: 'the path has a malformed percent-encoding' }]);
}

/** No route has this address. @param path without the query */
export function nothingAt(method: string, path: string): Problem {
  return Problem.http('not-found', `There is nothing at ${method} ${path}`);
}

/** The caller has used its share of the processor time. Nothing was begun for this request. */
export function processorShareExceeded(retryAfterS: number): Problem {
  return Problem.http(
    'concurrency-limit-exceeded',
    'This caller has used its share of the processor time, which other callers need too',
    {},
    { 'retry-after': String(retryAfterS) },
  );
}

/** Another service gave no answer, or one that a retry does not change; the latter has no `Retry-After`. */
export function upstreamProblem({ upstream, reason, isInvalidAnswer }: UpstreamFault): Problem {
  return isInvalidAnswer
    ? Problem.http('upstream-answer-invalid', `The ${upstream} gave an invalid answer: ${reason}`)
    : Problem.http('upstream-unavailable', `The ${upstream} does not answer`, {}, RETRY_AFTER);
}
