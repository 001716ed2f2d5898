import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { EXAMPLE_TIME } from '../../platform/http/fields.openapi.js';
import { Problem } from '../../platform/http/problem.js';
import { etagHeader } from '../../platform/http/response-headers.openapi.js';
import { ApiOrderProblems } from '../dto/order-problem.response.js';
import { OrderResponse } from '../dto/order.response.js';
import { etag } from '../dto/request-headers.js';
import { ownerFor } from '../ownership.js';
import { PaymentReports } from './payment-reports.js';
import { RecordPaymentDto, STATE_RULE } from './record-payment.dto.js';

const CAPTURED = { reference: 'pay_8f2k', state: 'captured', amount: 164.97, currency: 'USD' };

@ApiTags('orders')
@Controller('orders')
export class PaymentReportsController {
  constructor(private readonly payments: PaymentReports) {}

  @Post(':order_id/payments')
  @RequireScopes('orders:status')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'recordPayment',
    summary: 'Record what a payment provider says about a payment of an order',
    description:
      'In every status of the order, and without a change of it: a declined payment releases no stock, and a captured one ' +
      'confirms nothing. A repeated `reference` and `state` is no change; with another amount or currency it is refused ' +
      '(409). The service moves no money.',
  })
  @ApiParam({ name: 'order_id', description: 'Id of the order.', format: 'uuid' })
  @ApiBody({
    type: RecordPaymentDto,
    examples: {
      captured: { summary: 'A captured payment', value: CAPTURED },
      refunded: {
        summary: 'A partial refund, with its own id, in the currency of the order',
        value: { reference: 're_2c9d', state: 'refunded', amount: 20 },
      },
    },
  })
  @ApiOkResponse({
    description: 'The order as it is now.',
    type: OrderResponse,
    headers: etagHeader(true),
    example: {
      version: 3,
      payments: [{ ...CAPTURED, recorded_at: EXAMPLE_TIME }],
      payment_state: 'paid',
    },
  })
  @ApiOrderProblems(
    Problem.invalidRequest([{ field: 'state', message: STATE_RULE }]),
    'order-not-found',
    'payment-already-recorded',
    'too-many-payments',
    'version-conflict',
  )
  async record(
    @Param('order_id') id: string,
    @Body() body: RecordPaymentDto,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse> {
    const order = await this.payments.record(id, body, ownerFor(caller), caller.id);
    void reply.header('etag', etag(order.version));
    return OrderResponse.from(order);
  }
}
