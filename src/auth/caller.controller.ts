import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { OneOf, Text } from '../platform/http/fields.openapi.js';
import { type Caller, CurrentCaller, RequireKnownCaller, type Scope, SCOPES } from './access.js';

class CallerResponse {
  @Text('key:warehouse', 'What the history of orders calls this caller.')
  id!: string;

  @OneOf(SCOPES, 'What it may do.', {
    isArray: true,
    example: ['orders:read', 'orders:read:all', 'orders:status'],
  })
  scopes!: Scope[];

  @Text.nullable(
    null,
    'The customer that the caller is, who reads only its own data; null for other callers.',
  )
  customer_id!: string | null;

  static from({ id, scopes, customerId }: Caller): CallerResponse {
    return { id, scopes: SCOPES.filter((scope) => scopes.has(scope)), customer_id: customerId };
  }
}

/** For tools that offer only permitted functions. */
@ApiTags('callers')
@Controller('caller')
export class CallerController {
  @Get()
  @RequireKnownCaller()
  @ApiOperation({
    operationId: 'getCaller',
    summary: 'The caller and its scopes',
    description: 'Returns the identity and scopes of a valid token or key.',
  })
  @ApiOkResponse({ description: 'The caller of this request.', type: CallerResponse })
  get(@CurrentCaller() caller: Caller): CallerResponse {
    return CallerResponse.from(caller);
  }
}
