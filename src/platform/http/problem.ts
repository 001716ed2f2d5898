/** One kind of error that clients can tell apart by its `type`. */
export interface ProblemType {
  status: number;
  /** The same for every occurrence, as RFC 9457 asks; what is special about one goes into `detail`. */
  title: string;
}

/** One wrong field of a request, addressed as in `items[0].quantity`; empty for the body as a whole. */
export interface FieldError {
  field: string;
  message: string;
}

/** The errors that any operation can have. Those of orders are in src/orders/order.problems.ts. */
export const HTTP_PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body is not JSON' },
  'internal-error': { status: 500, title: 'The service has failed' },
  'upstream-unavailable': { status: 503, title: 'A service that is needed does not answer' },
  overloaded: { status: 503, title: 'The service has too much to do' },
  'not-ready': { status: 503, title: 'The service is not ready' },
  'database-unavailable': { status: 503, title: 'The database does not answer' },
} as const satisfies Record<string, ProblemType>;

/** Where the description of each problem type is found, relative to the service. */
export const PROBLEM_PATH = '/problems/';

/** What a client should wait before it tries again after a fault that will pass by itself. */
export const RETRY_AFTER = { 'retry-after': '2' };

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

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
  }

  static http(
    name: keyof typeof HTTP_PROBLEMS,
    detail: string,
    extensions?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Problem {
    return new Problem(name, HTTP_PROBLEMS[name], detail, extensions, headers);
  }

  /** A request with wrong fields. */
  static invalidRequest(errors: readonly FieldError[]): Problem {
    const names = errors.map((error) =>
      error.field === '' ? error.message : `${error.field} ${error.message}`,
    );
    return Problem.http('invalid-request', `The request is not valid: ${names.join('; ')}`, { errors });
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

/** More is under way than can be done in time. Nothing was begun for this request. */
export function overloaded(): Problem {
  return Problem.http(
    'overloaded',
    'The service has too much to do at the moment; nothing was done for this request',
    {},
    RETRY_AFTER,
  );
}
