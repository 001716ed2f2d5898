import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { Settings } from '../../config/settings.js';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { Problem } from '../../platform/http/problem.js';
import { etagHeader } from '../../platform/http/response-headers.openapi.js';
import { OrderResponse } from '../dto/order.response.js';
import { etag } from '../dto/request-headers.js';
import { confirmerFor, ownerFor } from '../ownership.js';
import { ApiHoldProblems } from './hold.problems.openapi.js';
import { Confirmations } from './confirmations.js';
import { HoldExtension } from './hold-extension.js';
import { CONFIRMING_STATE_RULE, ConfirmOrderDto, ExtendHoldDto } from './holds.dto.js';

const ORDER_ID = { name: 'id', description: 'Id of the order.', format: 'uuid' };

/** Holds of stock while customers pay. */
@ApiTags('orders')
@Controller('orders')
export class HoldsController {
  constructor(
    private readonly confirmations: Confirmations,
    private readonly extension: HoldExtension,
    private readonly settings: Settings,
  ) {}

  @Post(':id/confirm')
  @RequireScopes('orders:status', 'orders:place')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'confirmOrder',
    summary: 'Confirm an order whose stock is held, with its payment',
    description:
      'The payment is recorded; the service moves no money. Repeated with the same `reference` it changes nothing. The stock ' +
      'of an order whose hold has expired is reserved again; if it is gone, the payment is recorded and staff gets an ' +
      'incident. Customers may confirm their own orders only with `ALLOW_CUSTOMER_CONFIRM`.',
  })
  @ApiParam(ORDER_ID)
  @ApiBody({ type: ConfirmOrderDto, required: false })
  @ApiOkResponse({
    description: 'The order is confirmed.',
    type: OrderResponse,
    headers: etagHeader(true),
    example: { status: 'confirmed', version: 3 },
  })
  @ApiHoldProblems(
    Problem.invalidRequest([{ field: 'payment.state', message: CONFIRMING_STATE_RULE }]),
    'order-not-found',
    'transition-not-allowed',
    'version-conflict',
    'payment-mismatch',
    'already-confirmed',
    'reservation-expired',
    'confirmation-unsettled',
    'payment-already-recorded',
    'too-many-payments',
  )
  async confirm(
    @Param('id') id: string,
    @Body() body: ConfirmOrderDto,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse> {
    const by = confirmerFor(caller, this.settings.ALLOW_CUSTOMER_CONFIRM);
    const payment = body.payment && { ...body.payment, state: body.payment.state ?? ('authorized' as const) };
    const request = { owner: ownerFor(caller), by, actor: caller.id };
    const { order } = await this.confirmations.confirm(id, payment, request);
    void reply.header('etag', etag(order.version));
    return OrderResponse.from(order);
  }

  @Post(':id/extend')
  @RequireScopes('orders:status')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'extendHold',
    summary: 'Hold the stock of an order for longer',
    description:
      'The hold ends `hold_seconds` from now, or when it would have ended before, whichever is later.',
  })
  @ApiParam(ORDER_ID)
  @ApiOkResponse({
    description: 'The order with the end of its hold.',
    type: OrderResponse,
    headers: etagHeader(true),
    example: { status: 'reserved', version: 3 },
  })
  @ApiHoldProblems(
    'invalid-request',
    'order-not-found',
    'not-reserved',
    'stock-not-kept',
    'upstream-unavailable',
    'version-conflict',
  )
  async extend(
    @Param('id') id: string,
    @Body() { hold_seconds: holdSeconds }: ExtendHoldDto,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse> {
    const most = this.settings.HOLD_MAX_SECONDS;
    if (holdSeconds > most)
      throw Problem.invalidRequest([{ field: 'hold_seconds', message: `must be at most ${most}` }]);
    const order = await this.extension.extend(id, holdSeconds, ownerFor(caller), caller.id);
    void reply.header('etag', etag(order.version));
    return OrderResponse.from(order);
  }
}
