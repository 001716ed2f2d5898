import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsObject,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { type FingerprintLayout, fingerprintOf } from '../../idempotency/fingerprint.js';
import { Problem } from '../../platform/http/problem.js';
import { MayBeAbsent } from '../dto/text.decorators.js';
import { UpdateStatusDto } from '../dto/update-status.dto.js';
import type { OrderStatus } from '../order-status.js';
import { ORDER_ID } from '../order-id.js';

/** As many as can be changed well within the time that a client waits, at some milliseconds each. */
export const MAX_BULK_ORDERS = 1_000;

/** Maximum of the version column. */
const MAX_VERSION = 2_147_483_647;

export class BulkOrderDto {
  @ApiProperty({ format: 'uuid', example: '01a1ffe2-9b80-748a-ba30-787d85a2b441' })
  @Matches(ORDER_ID, { message: 'must be the id of an order' })
  order_id!: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_VERSION,
    example: 2,
    description: 'The version that the caller has read; the change is refused if the order has a newer one.',
  })
  @MayBeAbsent()
  @Max(MAX_VERSION, { message: `must be at most ${MAX_VERSION}` })
  @Min(1, { message: 'must be at least 1' })
  @IsInt({ message: 'must be a whole number' })
  version?: number;
}

/** Body of `POST /orders/bulk-status`: one status for many orders. */
export class BulkStatusDto extends UpdateStatusDto {
  @ApiProperty({
    type: [BulkOrderDto],
    minItems: 1,
    maxItems: MAX_BULK_ORDERS,
    description: 'Each order once.',
  })
  @ValidateNested({ each: true, message: 'must be an object' })
  @IsObject({ each: true, message: 'must hold objects only' })
  @ArrayMaxSize(MAX_BULK_ORDERS, { message: `must have at most ${MAX_BULK_ORDERS} orders` })
  @ArrayMinSize(1, { message: 'must not be empty' })
  @IsArray({ message: 'must be a list' })
  @Type(() => BulkOrderDto)
  orders!: BulkOrderDto[];
}

/**
 * Two results for one order would contradict each other.
 *
 * @throws {Problem} invalid-request, which names every repetition
 */
export function requireDistinct(orders: readonly BulkOrderDto[]): void {
  const seen = new Set<string>();
  const repeated = orders.flatMap(({ order_id }, index) => {
    const id = order_id.toLowerCase();
    if (seen.has(id)) return [{ field: `orders[${index}].order_id`, message: 'must not appear twice' }];
    seen.add(id);
    return [];
  });
  if (repeated.length > 0) throw Problem.invalidRequest(repeated);
}

const FINGERPRINT: FingerprintLayout = ['status', 'reason', ['orders', ['order_id', 'version']]];

/** The fingerprint of a validated body, whose status is `to`. */
export function bulkFingerprint(body: BulkStatusDto, to: OrderStatus): string {
  const orders = body.orders.map((order) => ({ ...order, order_id: order.order_id.toLowerCase() }));
  return fingerprintOf({ ...body, status: to, orders }, FINGERPRINT, 'bulk-status');
}
