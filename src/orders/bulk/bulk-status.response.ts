import {
  Count,
  EXAMPLE_ID,
  ListOf,
  ObjectOf,
  OneOf,
  Positive,
  Uuid,
} from '../../platform/http/fields.openapi.js';
import type { Problem } from '../../platform/http/problem.js';
import { OrderProblemResponse } from '../dto/order-problem.response.js';
import type { Order } from '../order.entity.js';
import { transitionNotAllowed } from '../order.problems.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../order-status.js';

const OUTCOMES = ['changed', 'unchanged', 'refused'] as const;

export type BulkOutcome = (typeof OUTCOMES)[number];

/** The result of one order. */
export interface BulkResult {
  orderId: string;
  outcome: BulkOutcome;
  /** As it is now, unless it was refused. */
  order?: Pick<Order, 'status' | 'version'>;
  /** Why it was refused. */
  problem?: Problem;
}

export class BulkResultResponse {
  @Uuid()
  order_id!: string;

  @OneOf(
    OUTCOMES,
    '`unchanged`: it had the status already, as when the request is repeated. `refused`: see `problem`.',
  )
  outcome!: BulkOutcome;

  @OneOf.optional(ORDER_STATUS_NAMES, 'That the order has now, unless it was refused.')
  status?: OrderStatus;

  @Positive.optional(3, 'At which the order is then.')
  version?: number;

  @ObjectOf.optional(
    OrderProblemResponse,
    'Why it was refused: what `PUT /orders/{order_id}` would have answered.',
  )
  problem?: OrderProblemResponse;

  static from({ orderId, outcome, order, problem }: BulkResult): BulkResultResponse {
    return {
      order_id: orderId,
      outcome,
      ...(order && { status: order.status, version: order.version }),
      ...(problem && { problem: problem.toBody() as unknown as OrderProblemResponse }),
    };
  }
}

export class BulkStatusResponse {
  @OneOf(ORDER_STATUS_NAMES, 'The status that was asked for.', { example: 'shipped' })
  status!: OrderStatus;

  @Count(1)
  changed!: number;

  @Count(0)
  unchanged!: number;

  @Count(1)
  refused!: number;

  @ListOf(BulkResultResponse, 'One for each order, in the order of the request.', {
    example: [
      { order_id: EXAMPLE_ID, outcome: 'changed', status: 'shipped', version: 3 },
      {
        order_id: '01a1ffe2-920a-7105-b340-3b05f5c1c796',
        outcome: 'refused',
        problem: transitionNotAllowed('cancelled', 'shipped', []).toBody(),
      },
    ],
  })
  results!: BulkResultResponse[];

  static from(status: OrderStatus, results: readonly BulkResult[]): BulkStatusResponse {
    const count = (outcome: BulkOutcome): number =>
      results.filter((result) => result.outcome === outcome).length;
    return {
      status,
      changed: count('changed'),
      unchanged: count('unchanged'),
      refused: count('refused'),
      results: results.map((result) => BulkResultResponse.from(result)),
    };
  }
}
