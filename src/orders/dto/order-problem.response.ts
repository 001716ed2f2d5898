import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { problemDecorator, ProblemResponse } from '../../platform/http/problem.openapi.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../order-status.js';

class ShortageResponse {
  @ApiProperty({ example: '4' })
  product_id!: string;

  @ApiProperty({ type: 'integer', example: 500, description: 'Units of all lines with this product.' })
  requested!: number;

  @ApiPropertyOptional({
    type: 'integer',
    example: 25,
    description: 'Absent where only the refusal of the inventory is known.',
  })
  available?: number;

  @ApiProperty({ example: 'requested 500, available 25' })
  reason!: string;
}

class PriceDifferenceResponse {
  @ApiProperty({ type: 'integer', minimum: 1, example: 1, description: 'Line of the request, from 1.' })
  line!: number;

  @ApiProperty({ example: 'PROD001' })
  product_id!: string;

  @ApiProperty({ example: 74.99 })
  requested_price!: number;

  @ApiProperty({ example: 79.99 })
  current_price!: number;
}

class PricedLineResponse {
  @ApiProperty({ type: 'integer', minimum: 1, example: 1, description: 'Line of the request, from 1.' })
  line!: number;

  @ApiProperty({ example: 'PROD001' })
  product_id!: string;

  @ApiProperty({ type: 'integer', example: 2 })
  quantity!: number;

  @ApiPropertyOptional({ example: 74.99, description: 'Where the request has named one.' })
  requested_price?: number;

  @ApiProperty({ type: 'number', nullable: true, example: 79.99 })
  price!: number | null;

  @ApiProperty({ type: 'number', nullable: true, example: 159.98 })
  line_total!: number | null;
}

/** A problem of an order; which of these members there are depends on its type. */
export class OrderProblemResponse extends ProblemResponse {
  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    format: 'uuid',
    description: 'The order that failed, or that holds the cart.',
  })
  order_id?: string | null;

  @ApiPropertyOptional({ example: '42', description: 'The customer that the caller is.' })
  customer_id?: string;

  @ApiPropertyOptional({ type: [ShortageResponse], description: 'Every product that can not be had.' })
  shortages?: ShortageResponse[];

  @ApiPropertyOptional({ type: [PriceDifferenceResponse], description: 'Every line with another price.' })
  differences?: PriceDifferenceResponse[];

  @ApiPropertyOptional({ example: 150, description: 'The total that the request expected.' })
  expected_total?: number;

  @ApiPropertyOptional({
    type: 'number',
    nullable: true,
    example: 159.98,
    description: 'The current total; null when a product is unknown.',
  })
  current_total?: number | null;

  @ApiPropertyOptional({ type: [PricedLineResponse], description: 'What the total is made of.' })
  lines?: PricedLineResponse[];

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'integer', minimum: 1 },
    example: { shortages: 70 },
    description: 'Entries of each list that were left out, where the problem would be larger than 4 kB.',
  })
  omitted?: Record<string, number>;

  @ApiPropertyOptional({ enum: ORDER_STATUS_NAMES, example: 'shipped' })
  current_status?: OrderStatus;

  @ApiPropertyOptional({ enum: ORDER_STATUS_NAMES, isArray: true, example: ['delivered'] })
  allowed_transitions?: OrderStatus[];

  @ApiPropertyOptional({
    type: 'integer',
    example: 3,
    description: 'The current version; read the order again.',
  })
  current_version?: number;
}

/** Documents the errors of an operation on orders. */
export const ApiOrderProblems = problemDecorator(OrderProblemResponse);
