import { ApiProperty } from '@nestjs/swagger';
import { Decimal, Integer, Positive, Text } from '../../platform/http/fields.openapi.js';
import { OrderProblemResponse } from '../dto/order-problem.response.js';
import { toJsonNumber, toJsonNumberOrNull } from '../pricing/order-pricing.js';
import type { QuotedLine } from '../pricing/order-quote.js';
import type { Preview } from './order-preview.js';

const AVAILABILITIES = ['enough', 'short', 'unknown_product'] as const;

export class PreviewLineResponse {
  @Text('PROD001')
  product_id!: string;

  @Text.nullable('Wireless Headphones', 'Null, as the amounts, where there is no such product.')
  product_name!: string | null;

  @Positive(2)
  quantity!: number;

  @Decimal.nullable(79.99, 'Price of one unit.')
  price!: number | null;

  @Decimal.nullable(159.98)
  line_total!: number | null;

  @ApiProperty({ enum: AVAILABILITIES })
  availability!: (typeof AVAILABILITIES)[number];

  @Integer(0, 'Units of the product that are too few for all of its lines together.')
  missing!: number;

  static from(line: QuotedLine): PreviewLineResponse {
    return {
      product_id: line.productId,
      product_name: line.productName,
      quantity: line.quantity,
      price: toJsonNumberOrNull(line.price),
      line_total: toJsonNumberOrNull(line.lineTotal),
      availability: line.isKnown ? (line.missing > 0 ? 'short' : 'enough') : 'unknown_product',
      missing: line.missing,
    };
  }
}

export class OrderPreviewResponse {
  @ApiProperty({ type: [PreviewLineResponse] })
  lines!: PreviewLineResponse[];

  @Decimal.nullable(159.98, 'Sum of the lines. Null where one of the products does not exist.')
  subtotal_amount!: number | null;

  @Decimal(0, 'Sum of the charges that are not included in the prices.')
  charges_amount!: number;

  @Decimal.nullable(159.98, 'Sum of both. Null where one of the products does not exist.')
  total_amount!: number | null;

  @Text('USD')
  currency!: string;

  @ApiProperty({ example: true, description: 'Whether the order would be confirmed if it were placed now.' })
  can_be_placed!: boolean;

  @ApiProperty({
    type: [OrderProblemResponse],
    example: [],
    description:
      'Why it would be refused, each as the problem that placing it would be answered with; the first is the one ' +
      'that would be.',
  })
  problems!: Record<string, unknown>[];

  static from({ lines, currency, problems, ...quote }: Preview): OrderPreviewResponse {
    const { subtotalAmount, chargesAmount, totalAmount } = quote;
    return {
      lines: lines.map((line) => PreviewLineResponse.from(line)),
      subtotal_amount: toJsonNumberOrNull(subtotalAmount),
      charges_amount: toJsonNumber(chargesAmount),
      total_amount: toJsonNumberOrNull(totalAmount),
      currency,
      can_be_placed: problems.length === 0,
      problems: problems.map((problem) => problem.toBody()),
    };
  }
}
