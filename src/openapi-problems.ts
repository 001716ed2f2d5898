import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { exampleOf, fieldErrorOf } from './openapi-examples.js';
import type { HeadersObject, OperationObject, ResponseObject } from './platform/http/openapi-objects.js';
import { Problem, PROBLEM_MEDIA_TYPE } from './platform/http/problem.js';
import { type DocumentedProblem, ProblemResponse, takeProblems } from './platform/http/problem.openapi.js';
import { PROBLEM_PATH, problemTypes } from './platform/http/problems/problem-types.js';
import { challengeHeader, retryAfterHeader } from './platform/http/response-headers.openapi.js';

/** Members that say what was cut, which an example with short lists does not have. */
const OF_LONG_LISTS = new Set(['omitted', 'has_more_errors']);

/**
 * Turns the problems that decorators name into responses, with what the table of problem types says of them.
 *
 * @param general problems of all operations
 */
export function addProblems(
  document: OpenAPIObject,
  operation: OperationObject,
  general: readonly DocumentedProblem[],
): void {
  const { model, problems } = takeProblems(operation);
  const documented = [...problems, ...general].map((problem) =>
    problem === 'invalid-request' ? Problem.invalidRequest([fieldErrorOf(document, operation)]) : problem,
  );
  const byStatus = Map.groupBy(documented, statusOf);
  // The status of an invalid request is also that of a malformed one.
  byStatus.get(400)?.push('malformed-request');
  for (const [status, of] of byStatus) operation.responses[status] = problemResponse(document, of, model);
}

/** The response with problems of one status. */
export function problemResponse(
  document: OpenAPIObject,
  problems: readonly DocumentedProblem<string>[],
  model = ProblemResponse,
): ResponseObject {
  const bodies = new Map(problems.map((problem) => [nameOf(problem), bodyOf(document, problem, model)]));
  const types = [...bodies.keys()].map((name) => PROBLEM_PATH + name);
  const narrowed = { type: 'object', properties: { type: { type: 'string', enum: types } } };
  const schema = { allOf: [{ $ref: getSchemaPath(model) }, narrowed] };
  const examples = [...bodies].map(([name, value]) => [name, { summary: typeOf(name).title, value }]);
  return {
    description: [...bodies.keys()].map((name) => typeOf(name).title).join('; '),
    headers: problemHeaders(problems),
    content: { [PROBLEM_MEDIA_TYPE]: { schema, examples: Object.fromEntries(examples) } },
  };
}

/** A 401 names the accepted credentials, a 403 may; a 429 or 503 always has Retry-After, a 409 where another request ends soon. */
function problemHeaders(problems: readonly DocumentedProblem<string>[]): HeadersObject {
  const [status] = problems.map(statusOf);
  if (status === 401 || status === 403) return challengeHeader(status === 401);
  if (status === 429 || status === 503) return retryAfterHeader(true);
  return problems.some((problem) => nameOf(problem).endsWith('-in-progress')) ? retryAfterHeader(false) : {};
}

/** The members of a type have the examples of their fields. */
function bodyOf(
  document: OpenAPIObject,
  problem: DocumentedProblem<string>,
  model: typeof ProblemResponse,
): object {
  if (problem instanceof Problem) return problem.toBody();
  const { title, status, cause, members = {} } = typeOf(problem);
  const schema = document.components?.schemas?.[model.name];
  const fields = schema && 'properties' in schema ? (schema.properties ?? {}) : {};
  const examples = Object.keys(members).flatMap((member) => {
    const field = fields[member];
    return field && !OF_LONG_LISTS.has(member)
      ? [[member, exampleOf(document, field, `${problem}.${member}`, true)]]
      : [];
  });
  return {
    type: PROBLEM_PATH + problem,
    title,
    status,
    detail: cause,
    ...(Object.fromEntries(examples) as object),
  };
}

const nameOf = (problem: DocumentedProblem<string>): string =>
  problem instanceof Problem ? problem.name : problem;

const statusOf = (problem: DocumentedProblem<string>): number => typeOf(nameOf(problem)).status;

function typeOf(name: string) {
  const type = problemTypes().get(name);
  if (!type) throw new Error(`there is no problem type ${name}`);
  return type;
}
