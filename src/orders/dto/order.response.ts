import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath, OmitType } from '@nestjs/swagger';
import { PROBLEM_PATH } from '../../platform/http/problems/problem-types.js';
import type { InventoryCall } from '../history/inventory-calls.js';
import { ORDER_EVENT_TYPES, type OrderEvent } from '../order-event.entity.js';
import type { OrderItem } from '../order-item.entity.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../order-status.js';
import type { Order } from '../order.entity.js';
import type { OrderPage } from '../order.repository.js';
import { toJsonNumberOrNull } from '../pricing/order-pricing.js';

/** As two schemas, because an enum that holds null breaks generators of clients that know enums of text only. */
const NULLABLE_STATUS = { oneOf: [{ type: 'string', enum: ORDER_STATUS_NAMES }, { type: 'null' }] };

export class OrderConfirmationResponse {
  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiProperty({ enum: ['confirmed'] })
  status!: 'confirmed';

  @ApiProperty({ example: 'Order placed successfully' })
  message!: string;

  @ApiProperty({ format: 'date-time', description: 'When the order was placed.' })
  timestamp!: string;

  @ApiProperty({ example: 139.97 })
  total_amount!: number;

  @ApiProperty({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code.', example: 'USD' })
  currency!: string;
}

/** The known fields of an order before its placement completes. */
export class OrderAcceptedResponse extends OmitType(OrderConfirmationResponse, [
  'status',
  'message',
  'total_amount',
] as const) {
  @ApiProperty({ enum: ['pending'] })
  status!: 'pending';

  @ApiProperty({ example: 'Order accepted, and yet to be confirmed' })
  message!: string;

  @ApiProperty({
    type: 'number',
    nullable: true,
    example: null,
    description: 'Null until the order is priced.',
  })
  total_amount!: number | null;
}

export class OrderItemResponse {
  @ApiProperty({ example: 'PROD001' })
  product_id!: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    example: 'Wireless Headphones',
    description: 'Null, like the price, while the order is pending and not priced.',
  })
  product_name!: string | null;

  @ApiProperty({ type: 'integer', minimum: 1, example: 2 })
  quantity!: number;

  @ApiProperty({
    type: 'number',
    nullable: true,
    example: 79.99,
    description: 'Price of one unit when the order was placed.',
  })
  price!: number | null;

  static from(item: OrderItem): OrderItemResponse {
    return {
      product_id: item.productId,
      product_name: item.productName,
      quantity: item.quantity,
      price: toJsonNumberOrNull(item.price),
    };
  }
}

export class OrderResponse {
  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiProperty({ type: 'string', nullable: true, example: '42' })
  customer_id!: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: 'Alice Johnson' })
  customer_name!: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: 'alice@example.com' })
  customer_email!: string | null;

  @ApiProperty({ type: [OrderItemResponse] })
  items!: OrderItemResponse[];

  @ApiProperty({
    type: 'number',
    nullable: true,
    example: 159.98,
    description: 'Null while the order is pending and not priced.',
  })
  total_amount!: number | null;

  @ApiProperty({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code.', example: 'USD' })
  currency!: string;

  @ApiProperty({ enum: ORDER_STATUS_NAMES })
  status!: OrderStatus;

  @ApiProperty({ type: 'integer', minimum: 1, example: 2, description: 'Also the ETag.' })
  version!: number;

  @ApiProperty({ format: 'date-time', description: 'When the order was placed.' })
  timestamp!: string;

  @ApiProperty({ format: 'date-time' })
  updated_at!: string;

  @ApiPropertyOptional({
    example: '/problems/insufficient-stock',
    description: 'Problem type, of a rejected or failed order.',
  })
  failure?: string;

  static from(order: Order): OrderResponse {
    return {
      order_id: order.id,
      customer_id: order.customerId,
      customer_name: order.customerName,
      customer_email: order.customerEmail,
      items: order.items.map((item) => OrderItemResponse.from(item)),
      total_amount: toJsonNumberOrNull(order.totalAmount),
      currency: order.currency,
      status: order.status,
      version: order.version,
      timestamp: order.placedAt.toISOString(),
      updated_at: order.updatedAt.toISOString(),
      ...(order.failure !== null && { failure: `${PROBLEM_PATH}${order.failure}` }),
    };
  }
}

export class OrderListResponse {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Number of orders in this answer.', example: 1 })
  count!: number;

  @ApiProperty({ type: [OrderResponse] })
  orders!: OrderResponse[];

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Where the next page begins; null on the last one.',
  })
  next_cursor!: string | null;

  static from(page: OrderPage): OrderListResponse {
    return {
      count: page.orders.length,
      orders: page.orders.map((order) => OrderResponse.from(order)),
      next_cursor: page.nextCursor,
    };
  }
}

const COUNTS = { type: 'object', additionalProperties: { type: 'integer', minimum: 1 } } as const;

export class InventoryCallResponse implements InventoryCall {
  @ApiProperty({ enum: ['reserve', 'release'] })
  operation!: InventoryCall['operation'];

  @ApiProperty({ ...COUNTS, description: 'Number of lines by outcome.', example: { held: 2 } })
  lines!: Record<string, number>;

  @ApiProperty({
    ...COUNTS,
    description: 'Number of attempts by the class of the status that came, or by why none did.',
    example: { '2xx': 2, timeout: 1 },
  })
  attempts!: Record<string, number>;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    example: 12,
    description: 'From the first attempt to the last answer.',
  })
  duration_ms!: number;
}

@ApiExtraModels(InventoryCallResponse)
export class OrderEventResponse {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    example: 2,
    description: 'From 1 without a gap; the version that the event led to.',
  })
  seq!: number;

  @ApiProperty({ enum: ORDER_EVENT_TYPES })
  type!: string;

  @ApiProperty(NULLABLE_STATUS)
  from!: OrderStatus | null;

  @ApiProperty(NULLABLE_STATUS)
  to!: OrderStatus | null;

  @ApiProperty({ description: 'Who caused it.', example: 'placement' })
  actor!: string;

  @ApiProperty({ type: 'string', nullable: true })
  reason!: string | null;

  @ApiProperty({
    type: 'object',
    nullable: true,
    description: 'What else there is to say, different from event to event.',
    properties: {
      calls: {
        type: 'array',
        items: { $ref: getSchemaPath(InventoryCallResponse) },
        description: 'The calls to the inventory. Their result is the event itself.',
      },
    },
    additionalProperties: true,
  })
  data!: Record<string, unknown> | null;

  @ApiProperty({ format: 'date-time' })
  timestamp!: string;

  static from(event: OrderEvent): OrderEventResponse {
    return {
      seq: event.seq,
      type: event.type,
      from: event.fromStatus,
      to: event.toStatus,
      actor: event.actor,
      reason: event.reason,
      data: event.data,
      timestamp: event.occurredAt.toISOString(),
    };
  }
}

export class OrderEventsResponse {
  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiProperty({ type: [OrderEventResponse] })
  events!: OrderEventResponse[];
}
