import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { Integer, Text } from './fields.openapi.js';
import type { ContentObject, HeadersObject } from './openapi-objects.js';
import { concurrencyLimitExceeded, MAX_ERRORS, overloaded, Problem, PROBLEM_MEDIA_TYPE } from './problem.js';
import { HTTP_PROBLEMS } from './problems/http.problems.js';
import { PROBLEM_PATH } from './problems/problem-types.js';
import { challengeHeader, retryAfterHeader } from './response-headers.openapi.js';

class FieldErrorResponse {
  @Text('items[0].quantity', 'Empty for the body as a whole.')
  field!: string;

  @Text('must be at least 1')
  message!: string;
}

/** Problem details (RFC 9457); features that have further members extend it. */
export class ProblemResponse {
  @Text('/problems/invalid-request', undefined, { format: 'uri-reference' })
  type!: string;

  @Text('Invalid request', 'The same for all problems of a type.')
  title!: string;

  @Integer(400, undefined, { minimum: 400, maximum: 599 })
  status!: number;

  @Text('The request is not valid: items[0].quantity must be at least 1')
  detail!: string;

  @ApiPropertyOptional({
    type: [FieldErrorResponse],
    maxItems: MAX_ERRORS,
    description: 'Every wrong field of the request, up to a limit.',
  })
  errors?: FieldErrorResponse[];

  @ApiPropertyOptional({
    example: true,
    description:
      'Whether checking stopped at that limit, so that there may be more errors. Absent otherwise.',
  })
  has_more_errors?: boolean;

  @ApiPropertyOptional({
    type: [String],
    example: ['GET', 'HEAD'],
    description: 'Where the method is none of these.',
  })
  allowed_methods?: string[];

  @Text.optional('orders:read', 'What the caller would need.')
  required_scope?: string;
}

type GeneralProblemName = keyof typeof HTTP_PROBLEMS;

const BAD_REQUEST = 400;

/** A 401 names the accepted credentials; a 403 does where other credentials would help. */
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/** Too many requests, and not available at the moment. */
const ALWAYS_RETRIED = new Set([429, 503]);

const DESCRIPTIONS: Record<number, string> = {
  400: 'The request is wrong, or can not be met.',
  401: 'The request has no credentials, or invalid ones.',
  403: 'The caller may not do this.',
  404: 'There is no such thing.',
  409: 'The request does not fit the present state.',
  412: 'The order has changed.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  428: 'The change needs `If-Match`; only where `REQUIRE_IF_MATCH` is set.',
  422: 'The Idempotency-Key was used for another request.',
  429: 'Too many requests, in a minute or at a time.',
  502: 'Another service answered in a way that breaks its contract; a repetition does not help.',
  503: 'Something that is needed does not answer; to be tried again.',
};

/** Examples of general problems whose title does not say enough. */
const EXAMPLES: Partial<Record<GeneralProblemName, Problem>> = {
  'invalid-request': Problem.invalidRequest([{ field: 'limit', message: 'must be at most 200' }]),
  'upstream-unavailable': Problem.http('upstream-unavailable', 'The inventory service does not answer'),
  'upstream-answer-invalid': Problem.http(
    'upstream-answer-invalid',
    'The inventory service gave an invalid answer: the price of PROD001 is not an amount in USD',
  ),
  'concurrency-limit-exceeded': concurrencyLimitExceeded(),
  overloaded: overloaded(),
  'not-ready': Problem.http('not-ready', 'The service is being stopped'),
};

/**
 * A problem that an operation can answer with: an example of it, the name of a general one, or a status, which stands
 * for all general problems of that status.
 */
export type DocumentedProblem = Problem | GeneralProblemName | number;

/**
 * Makes a decorator that documents the errors of an operation. They are all that it answers with: tests refuse any
 * other status, and any other type of a problem.
 *
 * @param model the form of these problems, with the members that they may have beyond those of the RFC
 */
export function problemDecorator(model: typeof ProblemResponse) {
  return (...problems: readonly DocumentedProblem[]): MethodDecorator =>
    (target, key, descriptor) => {
      if (typeof descriptor.value !== 'function') throw new Error(`${String(key)} is no operation`);
      const before = documentedProblems.get(descriptor.value);
      const documented = addTo(descriptor.value, { model, examples: problems.flatMap(examplesOf) });
      document(documented, before)(target, key, descriptor);
    };
}

/** Documented responses of an operation, from all of its decorators. */
interface Documented {
  model: typeof ProblemResponse;
  examples: readonly Problem[];
}

const documentedProblems = new WeakMap<object, Documented>();

/** Other decorators, such as the one for access, add responses too; none may replace those of another. */
function addTo(operation: object, { model, examples }: Documented): Documented {
  const before = documentedProblems.get(operation);
  const added = {
    // The form with more members holds for problems that have none of them, too.
    model: before === undefined || before.model === ProblemResponse ? model : before.model,
    examples: [...(before?.examples ?? []), ...examples],
  };
  documentedProblems.set(operation, added);
  return added;
}

function document({ model, examples }: Documented, before: Documented | undefined): MethodDecorator {
  const byStatus = Map.groupBy(examples, ({ status }) => status);
  // The status of an invalid request is also that of a malformed one.
  byStatus.get(BAD_REQUEST)?.push(...examplesOf('malformed-request'));
  return applyDecorators(
    ApiExtraModels(model),
    ...[...byStatus].map(([status, of]) =>
      ApiResponse({
        status,
        // The package merges descriptions of one status.
        description: before?.examples.some((known) => known.status === status)
          ? ''
          : (DESCRIPTIONS[status] ?? 'The request has failed.'),
        headers: problemHeaders(status, of),
        content: problemContent(of, model),
      }),
    ),
  );
}

/** Documents the errors of an operation that have no members of their own. */
export const ApiProblems = problemDecorator(ProblemResponse);

/** The body of an error answer, as the OpenAPI document describes it. */
export function problemContent(examples: readonly Problem[], model = ProblemResponse): ContentObject {
  const types = [...new Set(examples.map(({ name }) => `${PROBLEM_PATH}${name}`))];
  const narrowed = { type: 'object', properties: { type: { type: 'string', enum: types } } };
  const named = examples.map((example) => {
    const value = example.toBody();
    return [example.name, { summary: value['title'] as string, value }] as const;
  });
  return {
    [PROBLEM_MEDIA_TYPE]: {
      schema: { allOf: [{ $ref: getSchemaPath(model) }, narrowed] },
      examples: Object.fromEntries(named),
    },
  };
}

/** A 429 or 503 always has Retry-After; a 409 where a retry helps. */
function problemHeaders(status: number, examples: readonly Problem[]): HeadersObject {
  if (status === UNAUTHORIZED || status === FORBIDDEN) return challengeHeader(status === UNAUTHORIZED);
  if (ALWAYS_RETRIED.has(status)) return retryAfterHeader(true);
  return examples.some(({ headers }) => 'retry-after' in headers) ? retryAfterHeader(false) : {};
}

/** The examples that stand for a documented problem. */
export function examplesOf(problem: DocumentedProblem): Problem[] {
  if (problem instanceof Problem) return [problem];
  const names = Object.keys(HTTP_PROBLEMS) as GeneralProblemName[];
  return names
    .filter((name) => name === problem || HTTP_PROBLEMS[name].status === problem)
    .map((name) => EXAMPLES[name] ?? Problem.http(name, HTTP_PROBLEMS[name].title));
}
