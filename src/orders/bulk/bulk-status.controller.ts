import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Settings } from '../../config/settings.js';
import { Bounded } from '../../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { ApiOrderProblems } from '../dto/order-problem.response.js';
import { parseIdempotencyKey } from '../dto/request-headers.js';
import { ifMatchRequired } from '../order.problems.js';
import { parseStatus } from '../order-status.js';
import { ownerFor, statusSetterFor } from '../ownership.js';
import { bulkFingerprint, BulkStatusDto, requireDistinct } from './bulk-status.dto.js';
import { BULK_KEY } from './bulk-status.openapi.js';
import { BULK_CHANGES, BulkStatus } from './bulk-status.js';
import { BulkStatusResponse } from './bulk-status.response.js';

/** The fixed path wins over `POST /orders/{customer_id}`: for a customer called `bulk-status` an order names it in its body. */
@ApiTags('orders')
@Controller('orders')
export class BulkStatusController {
  constructor(
    private readonly bulk: BulkStatus,
    private readonly settings: Settings,
  ) {}

  @Post('bulk-status')
  @RequireScopes('orders:status')
  @Bounded(BULK_CHANGES)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'updateManyOrderStatuses',
    summary: 'Set the status of many orders',
    description:
      'Each order is changed on its own, as by `PUT /orders/{order_id}`, and has its own result. Repeating the request ' +
      'is harmless: orders that have the status already are `unchanged`. What there was no time for is refused with ' +
      '`overloaded`, and done by the same request again.',
  })
  @ApiHeader(BULK_KEY)
  @ApiOkResponse({ description: 'The result of each order.', type: BulkStatusResponse })
  @ApiOrderProblems('invalid-request', 'idempotency-key-reused', 'if-match-required')
  async change(
    @Body() body: BulkStatusDto,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const to = parseStatus(body.status);
    if (to === undefined) throw new Error(`the status ${body.status} has passed the validation`);
    requireDistinct(body.orders);
    const targets = body.orders.map(({ order_id, version }) => ({
      orderId: order_id.toLowerCase(),
      version,
    }));
    if (this.settings.REQUIRE_IF_MATCH && targets.some(({ version }) => version === undefined)) {
      throw ifMatchRequired();
    }
    const change = {
      to,
      reason: body.reason,
      owner: ownerFor(caller),
      by: statusSetterFor(caller, to),
      actor: caller.id,
    };
    const key = parseIdempotencyKey(idempotencyKey);
    const fingerprint = (): string => bulkFingerprint(body, to);
    const { response, isReplay } = await this.bulk.change(targets, change, key, fingerprint);
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    return response.body;
  }
}
