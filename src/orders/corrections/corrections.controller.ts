import { Body, Controller, Headers, HttpCode, Param, Patch, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { Settings } from '../../config/settings.js';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { MERGE_PATCH_MEDIA_TYPE } from '../../platform/http/input/json-body.js';
import { etagHeader } from '../../platform/http/response-headers.openapi.js';
import { ApiOrderProblems } from '../dto/order-problem.response.js';
import { OrderResponse } from '../dto/order.response.js';
import { IF_MATCH } from '../dto/orders.openapi.js';
import { parseIdempotencyKey, parseIfMatch } from '../dto/request-headers.js';
import { ifMatchRequired } from '../order.problems.js';
import { ownerFor } from '../ownership.js';
import { CorrectOrderDto } from './correct-order.dto.js';
import { Corrections } from './corrections.js';
import { CORRECTION_BODY, CORRECTION_KEY } from './corrections.openapi.js';

@ApiTags('orders')
@Controller('orders')
export class CorrectionsController {
  constructor(
    private readonly corrections: Corrections,
    private readonly settings: Settings,
  ) {}

  @Patch(':id')
  @RequireScopes('orders:status')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'correctOrder',
    summary: 'Correct the customer, addresses, note, tags or metadata of an order',
    description:
      'A JSON Merge Patch (RFC 7396): objects are merged, null removes. Customer, addresses and note can be corrected ' +
      'while the order is `pending`, `reserved`, `confirmed` or `processing`, tags and metadata always. What is the same ' +
      'already is no change. The event `order.corrected` names the fields without their values. The customer is not notified.',
  })
  @ApiParam({ name: 'id', description: 'Id of the order.', format: 'uuid' })
  @ApiHeader(IF_MATCH)
  @ApiHeader(CORRECTION_KEY)
  @ApiConsumes('application/json', MERGE_PATCH_MEDIA_TYPE)
  @ApiBody(CORRECTION_BODY)
  @ApiOkResponse({
    description: 'The order as it is now.',
    type: OrderResponse,
    headers: etagHeader(true),
    example: { version: 3 },
  })
  @ApiOrderProblems(
    'invalid-request',
    'order-not-found',
    'correction-not-allowed',
    'version-conflict',
    'if-match-required',
    'idempotency-key-reused',
  )
  async correct(
    @Param('id') id: string,
    @Body() body: CorrectOrderDto,
    @Headers() headers: { 'if-match'?: string; 'idempotency-key'?: string },
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const ifMatch = headers['if-match'];
    if (ifMatch === undefined && this.settings.REQUIRE_IF_MATCH) throw ifMatchRequired();
    const { response, isReplay } = await this.corrections.correct(id, body, {
      expectedVersions: parseIfMatch(ifMatch),
      key: parseIdempotencyKey(headers['idempotency-key']),
      owner: ownerFor(caller),
      actor: caller.id,
    });
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    void reply.headers(response.headers);
    return response.body;
  }
}
