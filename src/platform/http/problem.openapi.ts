import { applyDecorators } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  ApiResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { PROBLEM_MEDIA_TYPE } from './problem.js';

class FieldErrorResponse {
  @ApiProperty({ example: 'items[0].quantity' })
  field!: string;

  @ApiProperty({ example: 'must be at least 1' })
  message!: string;
}

/** Problem details (RFC 9457); which further members there are depends on `type`. */
export class ProblemResponse {
  @ApiProperty({ format: 'uri-reference', example: '/problems/invalid-request' })
  type!: string;

  @ApiProperty({ example: 'The request is not valid' })
  title!: string;

  @ApiProperty({ example: 400 })
  status!: number;

  @ApiProperty({ example: 'The request is not valid: items[0].quantity must be at least 1' })
  detail!: string;

  @ApiPropertyOptional({ type: [FieldErrorResponse] })
  errors?: FieldErrorResponse[];
}

const DESCRIPTIONS: Record<number, string> = {
  400: 'The request is wrong, or can not be met.',
  401: 'The request does not say who is calling, or with credentials that are not valid.',
  403: 'The caller may not do this.',
  404: 'There is no such thing.',
  409: 'The request does not fit the present state.',
  412: 'The order has changed meanwhile.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  428: 'The change needs `If-Match`; only where `REQUIRE_IF_MATCH` is set.',
  422: 'The Idempotency-Key was used for another request.',
  503: 'Something that is needed does not answer; to be tried again.',
};

/** Documents the errors that an operation can answer with. */
export function ApiProblems(...statuses: number[]): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(ProblemResponse),
    ...statuses.map((status) =>
      ApiResponse({
        status,
        description: DESCRIPTIONS[status] ?? 'The request has failed.',
        content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: getSchemaPath(ProblemResponse) } } },
      }),
    ),
  );
}
