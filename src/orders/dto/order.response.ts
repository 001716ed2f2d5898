import { ApiExtraModels, IntersectionType, OmitType } from '@nestjs/swagger';
import {
  Count,
  Decimal,
  Flag,
  ListOf,
  ObjectOf,
  OneOf,
  Positive,
  Text,
  Time,
  Uuid,
} from '../../platform/http/fields.openapi.js';
import { PROBLEM_PATH } from '../../platform/http/problems/problem-types.js';
import type { FlatObject } from '../details/order-details.js';
import type { OrderItem } from '../order-item.entity.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../order-status.js';
import type { Order } from '../order.entity.js';
import { timeOfOrderId } from '../order-id.js';
import { MAX_TOTAL, type OrderList } from '../order.repository.js';
import { type Payment, PAYMENT_SUMMARIES, type PaymentState, paymentStateOf } from '../payments/payment.js';
import { PaymentResponse } from '../payments/payment.response.js';
import { toJsonNumber, toJsonNumberOrNull, totalsOf } from '../pricing/order-pricing.js';
import {
  AddressResponse,
  detailsResponse,
  FlatObjectProperty,
  OrderDetailsResponse,
} from './order-details.response.js';

export class OrderConfirmationResponse {
  @Uuid()
  order_id!: string;

  @OneOf(['confirmed', 'reserved'], '`reserved` of an order with `hold_seconds`.', { example: 'confirmed' })
  status!: 'confirmed' | 'reserved';

  @Text('Order placed successfully')
  message!: string;

  @Time('When the order was placed.')
  timestamp!: string;

  @Decimal(159.98, 'Sum of the lines.')
  subtotal_amount!: number;

  @Decimal(0, 'Sum of the charges that are not included in the prices.')
  charges_amount!: number;

  @Decimal(159.98, 'Sum of both.')
  total_amount!: number;

  @Text('USD', 'ISO 4217 code.', { pattern: '^[A-Z]{3}$' })
  currency!: string;

  @Text.nullable('1001', 'What people call the order. Null of orders from before there were numbers.')
  number!: string | null;

  @Time.optional('When the hold ends unless the order is confirmed before. Only of a reserved order.')
  expires_at?: string;
}

/** The known fields of an order before its placement completes. */
export class OrderAcceptedResponse extends OmitType(OrderConfirmationResponse, [
  'status',
  'message',
  'subtotal_amount',
  'total_amount',
  'expires_at',
] as const) {
  @OneOf(['pending'])
  status!: 'pending';

  @Text('Order accepted, and yet to be confirmed')
  message!: string;

  @Decimal.nullable(null, 'Null until the order is priced.')
  subtotal_amount!: number | null;

  @Decimal.nullable(null, 'Null until the order is priced.')
  total_amount!: number | null;
}

export class OrderItemResponse {
  @Text('PROD001')
  product_id!: string;

  @Text.nullable('Wireless Headphones', 'Null, like the price, while the order is pending and not priced.')
  product_name!: string | null;

  @Positive(2)
  quantity!: number;

  @Decimal.nullable(79.99, 'Price of one unit when the order was placed.')
  price!: number | null;

  @Text.nullable(null, 'Stock keeping unit.')
  sku!: string | null;

  @FlatObjectProperty()
  options!: FlatObject;

  @FlatObjectProperty()
  metadata!: FlatObject;

  static from(item: OrderItem): OrderItemResponse {
    return {
      product_id: item.productId,
      product_name: item.productName,
      quantity: item.quantity,
      price: toJsonNumberOrNull(item.price),
      sku: item.sku,
      options: item.options ?? {},
      metadata: item.metadata ?? {},
    };
  }
}

class OrderFactsResponse {
  @Uuid()
  order_id!: string;

  @Text.nullable('42')
  customer_id!: string | null;

  @Text.nullable('Alice Johnson')
  customer_name!: string | null;

  @Text.nullable('alice@example.com')
  customer_email!: string | null;

  @ListOf(OrderItemResponse)
  items!: OrderItemResponse[];

  @Decimal.nullable(159.98, 'Sum of the lines. Null while the order is pending and not priced.')
  subtotal_amount!: number | null;

  @Decimal(4.99, 'Sum of the charges that are not included in the prices.')
  charges_amount!: number;

  @Decimal.nullable(164.97, 'Sum of both. Null while the order is pending and not priced.')
  total_amount!: number | null;

  @Text('USD', 'ISO 4217 code.', { pattern: '^[A-Z]{3}$' })
  currency!: string;

  @OneOf(ORDER_STATUS_NAMES, undefined, { example: 'confirmed' })
  status!: OrderStatus;

  @Positive(2, 'Also the ETag.')
  version!: number;

  @Time('When the order was placed.')
  timestamp!: string;

  @Time()
  updated_at!: string;

  @Time.nullable(
    'When the hold of the stock ends, or ended. Null of an order without a hold, and until its stock is held.',
  )
  expires_at!: string | null;

  @ListOf(PaymentResponse, 'What was reported about payments, oldest first.', { example: [] })
  payments!: Payment[];

  @OneOf(
    PAYMENT_SUMMARIES,
    'What the payments in the currency of the order amount to: `paid` where at least the total was captured, `authorized` ' +
      'where a part was captured, or an authorization is not voided.',
    { example: 'none' },
  )
  payment_state!: PaymentState;

  @Text.optional('/problems/insufficient-stock', 'Problem type, of a rejected or failed order.')
  failure?: string;
}

@ApiExtraModels(AddressResponse)
export class OrderResponse extends IntersectionType(OrderFactsResponse, OrderDetailsResponse) {
  static from(order: Order): OrderResponse {
    return {
      order_id: order.id,
      customer_id: order.customerId,
      customer_name: order.customerName,
      customer_email: order.customerEmail,
      items: order.items.map((item) => OrderItemResponse.from(item)),
      ...amountsOf(order),
      currency: order.currency,
      status: order.status,
      version: order.version,
      timestamp: order.placedAt.toISOString(),
      updated_at: order.updatedAt.toISOString(),
      expires_at: order.expiresAt?.toISOString() ?? null,
      payments: order.payments ?? [],
      payment_state: paymentStateOf(order),
      ...detailsResponse(order),
      ...(order.failure !== null && { failure: `${PROBLEM_PATH}${order.failure}` }),
    };
  }
}

/** The total of an order and its parts. */
export function amountsOf({ totalAmount, chargesAmount }: Order) {
  const { subtotal, charges, total } = totalsOf(totalAmount, chargesAmount);
  return {
    subtotal_amount: toJsonNumberOrNull(subtotal),
    charges_amount: toJsonNumber(charges),
    total_amount: toJsonNumberOrNull(total),
  };
}

export class SearchedResponse {
  @Time('Orders placed from this time on were searched.')
  from!: string;
}

export class OrderListResponse {
  @Count(1, 'Number of orders in this answer.')
  count!: number;

  @Count(1, `Number of orders on all pages, up to ${MAX_TOTAL.toLocaleString('en')}.`)
  total!: number;

  @Flag(true, 'False where there are, or may be, more than `total`.')
  total_is_exact!: boolean;

  @ListOf(OrderResponse)
  orders!: OrderResponse[];

  @Text.nullable(null, 'Where the next page begins; null on the last one.')
  next_cursor!: string | null;

  @ObjectOf.optional(
    SearchedResponse,
    'Only where a filter was applied to the newest orders alone. Older orders are searched by the next pages; without ' +
      'a `next_cursor` they are not indexed yet.',
  )
  searched?: SearchedResponse;

  static from({ orders, nextCursor, searchedTo, ...list }: OrderList): OrderListResponse {
    return {
      count: orders.length,
      total: list.total,
      total_is_exact: list.isExactTotal,
      orders: orders.map((order) => OrderResponse.from(order)),
      next_cursor: nextCursor,
      ...(searchedTo !== undefined && { searched: { from: timeOfOrderId(searchedTo).toISOString() } }),
    };
  }
}
