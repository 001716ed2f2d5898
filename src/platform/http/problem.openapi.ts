import { applyDecorators } from '@nestjs/common';
import { ApiExtension, ApiExtraModels } from '@nestjs/swagger';
import { Flag, Integer, ListOf, Text } from './fields.openapi.js';
import type { OperationObject } from './openapi-objects.js';
import { MAX_ERRORS, type Problem } from './problem.js';
import type { HTTP_PROBLEMS } from './problems/http.problems.js';

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

  @ListOf.optional(FieldErrorResponse, 'Every wrong field of the request, up to a limit.', {
    maxItems: MAX_ERRORS,
  })
  errors?: FieldErrorResponse[];

  @Flag.optional(
    true,
    'Whether checking stopped at that limit, so that there may be more errors. Absent otherwise.',
  )
  has_more_errors?: boolean;

  @ListOf.optional(String, 'Where the method is none of these.', { example: ['GET', 'HEAD'] })
  allowed_methods?: string[];

  @Text.optional('orders:read', 'What the caller would need.')
  required_scope?: string;
}

/** A problem that an operation can answer with: its name, or an example that says more than its fields do. */
export type DocumentedProblem<Name extends string = never> = Problem | keyof typeof HTTP_PROBLEMS | Name;

/** Problems of an operation, from all of its decorators. */
interface DocumentedProblems {
  model: typeof ProblemResponse;
  readonly problems: DocumentedProblem<string>[];
}

/** By the names of the controller and its method. */
const operations = new Map<string, DocumentedProblems>();

/**
 * Leads from an operation of the document to its problems, by the names above. Responses are made of them once the whole
 * document is there, because their examples need its schemas; `takeProblems` removes the extension then.
 */
const PROBLEMS = 'x-problems';

/**
 * Makes a decorator that documents the errors of an operation. They are all that it answers with: tests refuse any
 * other status, and any other type of a problem. Decorators for access and limits add to those of the operation.
 *
 * @param model the form of these problems, with the members that they may have beyond those of the RFC
 */
export function problemDecorator<Name extends string = never>(model: typeof ProblemResponse) {
  return (...problems: readonly DocumentedProblem<Name>[]): MethodDecorator =>
    (target, key, descriptor) => {
      const name = `${target.constructor.name}.${String(key)}`;
      const known = operations.get(name) ?? { model, problems: [] };
      known.problems.push(...problems);
      // The form with more members holds for problems that have none of them, too.
      if (known.model === ProblemResponse) known.model = model;
      operations.set(name, known);
      applyDecorators(ApiExtraModels(model), ApiExtension(PROBLEMS, name))(target, key, descriptor);
    };
}

/** Documents the errors of an operation that have no members of their own. */
export const ApiProblems = problemDecorator(ProblemResponse);

/** Takes the problems of an operation from the document. */
export function takeProblems(operation: OperationObject & { [PROBLEMS]?: string }): DocumentedProblems {
  const problems = operations.get(operation[PROBLEMS] ?? '');
  delete operation[PROBLEMS];
  return problems ?? { model: ProblemResponse, problems: [] };
}
