import { ApiPropertyOptional } from '@nestjs/swagger';
import type { IdempotencyProblemName } from '../../idempotency/idempotency.problems.js';
import {
  Decimal,
  EXAMPLE_ID,
  Flag,
  Integer,
  ListOf,
  OneOf,
  Positive,
  Text,
  Uuid,
} from '../../platform/http/fields.openapi.js';
import {
  type DocumentedProblem,
  problemDecorator,
  ProblemResponse,
} from '../../platform/http/problem.openapi.js';
import { MAX_PAYMENTS } from '../payments/payment.js';
import type { OrderProblemName } from '../order.problems.js';
import type { PaymentProblemName } from '../payments/payment.problems.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../order-status.js';

class ShortageResponse {
  @Text('4')
  product_id!: string;

  @Integer(500, 'Units of all lines with this product.')
  requested!: number;

  @Integer.optional(25, 'Absent where only the refusal of the inventory is known.')
  available?: number;

  @Text('requested 500, available 25')
  reason!: string;
}

class PriceDifferenceResponse {
  @Positive(1, 'Line of the request, from 1.')
  line!: number;

  @Text('PROD001')
  product_id!: string;

  @Decimal(74.99)
  requested_price!: number;

  @Decimal(79.99)
  current_price!: number;
}

class PricedLineResponse {
  @Positive(1, 'Line of the request, from 1.')
  line!: number;

  @Text('PROD001')
  product_id!: string;

  @Integer(2)
  quantity!: number;

  @Decimal.optional(74.99, 'Where the request has named one.')
  requested_price?: number;

  @Decimal.nullable(79.99)
  price!: number | null;

  @Decimal.nullable(159.98)
  line_total!: number | null;
}

/** A problem of an order; which of these members there are depends on its type. */
export class OrderProblemResponse extends ProblemResponse {
  @Uuid.optional('The order that failed, or that has the cart, the number or the reference.', {
    nullable: true,
    example: EXAMPLE_ID,
  })
  order_id?: string | null;

  @Text.optional('42', 'The customer that the caller is.')
  customer_id?: string;

  @ListOf.optional(ShortageResponse, 'Every product that can not be had.')
  shortages?: ShortageResponse[];

  @ListOf.optional(PriceDifferenceResponse, 'Every line with another price.')
  differences?: PriceDifferenceResponse[];

  @Decimal.optional(154.97, 'The total that the request expected.')
  expected_total?: number;

  @Decimal.optional(164.97, 'The current total; null when a product is unknown.', { nullable: true })
  current_total?: number | null;

  @Decimal.optional(4.99, 'The part of the total that is not in the lines, where the request has charges.')
  charges_amount?: number;

  @ListOf.optional(PricedLineResponse, 'What the total is made of.')
  lines?: PricedLineResponse[];

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'integer', minimum: 1 },
    example: { shortages: 70 },
    description: 'Entries of each list that were left out, where the problem would be larger than 4 kB.',
  })
  omitted?: Record<string, number>;

  @OneOf.optional(ORDER_STATUS_NAMES, undefined, { example: 'shipped' })
  current_status?: OrderStatus;

  @OneOf.optional(ORDER_STATUS_NAMES, undefined, { isArray: true, example: ['delivered'] })
  allowed_transitions?: OrderStatus[];

  @ListOf.optional(String, 'The fields that can not be corrected.', { example: ['shipping_address'] })
  fields?: string[];

  @Flag.optional(false, 'Whether an erasure is why they can not be corrected.')
  personal_data_erased?: boolean;

  @Flag.optional(true, 'Whether only a person can release the stock of the expired hold.')
  waits_for_staff?: boolean;

  @Text.optional('pay_8f2k', 'The payment that confirmed the order.')
  reference?: string;

  @Decimal.optional(164.97, 'The total of the order; null until it is priced.', { nullable: true })
  total_amount?: number | null;

  @Text.optional('USD', 'The currency of the order.')
  currency?: string;
  @Decimal.optional(164.97, 'The amount of the payment as it is recorded.')
  recorded_amount?: number;

  @Text.optional('USD', 'Its currency.')
  recorded_currency?: string;

  @Positive.optional(MAX_PAYMENTS, 'How many payments an order can have.')
  max_payments?: number;

  @Integer.optional(3, 'The current version; read the order again.')
  current_version?: number;
}

type OwnProblemName = OrderProblemName | IdempotencyProblemName | PaymentProblemName;

export type DocumentedOrderProblem = DocumentedProblem<OwnProblemName>;

/** Documents the errors of an operation on orders. */
export const ApiOrderProblems = problemDecorator<OwnProblemName>(OrderProblemResponse);
