import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { EXAMPLE_ORDER } from '../../orders/dto/orders.openapi.js';
import { orderNotFound } from '../../orders/order.problems.js';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { RequireScopes } from '../../auth/access.js';
import { ApiOperationProblems } from '../operations.openapi.js';
import { deliveryNotFound, deliveryNotWaiting } from '../operations.problems.js';
import { Deliveries } from './deliveries.js';
import { DeliveriesResponse, DeliveryResponse } from './delivery.response.js';

const EXAMPLE_DELIVERY = '5f0c2b1e-8f0e-4b44-9a53-6f5d7d0a4c11';

const WAITING = {
  id: EXAMPLE_DELIVERY,
  kind: 'notification',
  status: 'waiting',
  event_seq: 2,
  attempts: 3,
  last_error: 'notification service: answered 500',
  created_at: '2026-11-21T20:53:23.464Z',
  completed_at: null,
  next_attempt_at: '2026-11-21T20:54:01.000Z',
};

const ORDER_ID = {
  name: 'order_id',
  description: 'Id of the order.',
  format: 'uuid',
};

@ApiTags('operations')
@Controller('orders')
export class DeliveriesController {
  constructor(private readonly deliveries: Deliveries) {}

  @Get(':order_id/deliveries')
  @RequireScopes('orders:read:all', 'operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listDeliveries',
    summary: 'What leaves the service about an order, and whether it has arrived',
    description:
      'Messages to the customer, stock that is released, carts that are checked out, events for webhooks. What has arrived ' +
      'stays listed as long as the order is kept; of webhooks for 30 days, and at most 500 of the newest events.',
  })
  @ApiParam(ORDER_ID)
  @ApiResponse({
    status: 200,
    description: 'All deliveries of the order, oldest first.',
    type: DeliveriesResponse,
    example: { order_id: EXAMPLE_ORDER, deliveries: [WAITING] },
  })
  @ApiOperationProblems(orderNotFound(EXAMPLE_ORDER), 'overloaded', 'database-unavailable')
  async list(@Param('order_id') id: string): Promise<DeliveriesResponse> {
    const deliveries = await this.deliveries.list(id);
    return {
      order_id: id.toLowerCase(),
      deliveries: deliveries.map((delivery) => DeliveryResponse.from(delivery)),
    };
  }

  @Post(':order_id/deliveries/:delivery_id/retry')
  @RequireScopes('operations')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'retryDelivery',
    summary: 'Try a delivery now that waits to be repeated',
    description:
      'It is begun within a second, instead of after its pause. One that is out of attempts is an incident, which has ' +
      'an action for this.',
  })
  @ApiParam(ORDER_ID)
  @ApiParam({
    name: 'delivery_id',
    description: 'Id as it is listed.',
    format: 'uuid',
  })
  @ApiResponse({ status: 200, description: 'The delivery.', type: DeliveryResponse, example: WAITING })
  @ApiOperationProblems(
    orderNotFound(EXAMPLE_ORDER),
    deliveryNotFound(EXAMPLE_DELIVERY),
    deliveryNotWaiting(),
    'overloaded',
    'database-unavailable',
  )
  async retry(
    @Param('order_id') orderId: string,
    @Param('delivery_id') id: string,
  ): Promise<DeliveryResponse> {
    return DeliveryResponse.from(await this.deliveries.hurry(orderId, id));
  }
}
