import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsObject, Max, Min, ValidateNested } from 'class-validator';
import { LONGEST_HOLD_SECONDS } from '../../config/settings.js';
import { CURRENCIES } from '../../config/currencies.js';
import { AMOUNT_SCHEMA, IsAmount } from '../dto/money.decorators.js';
import { MayBeAbsent } from '../dto/text.decorators.js';
import { MIN_HOLD_SECONDS } from '../dto/place-order.dto.js';
import { PaymentReference } from '../payment-reports/record-payment.dto.js';

/** States by which a payment confirms an order. */
export const CONFIRMING_STATES = ['authorized', 'captured'] as const;

export const CONFIRMING_STATE_RULE = `must be one of ${CONFIRMING_STATES.join(', ')}`;

export class ConfirmingPaymentDto {
  @PaymentReference()
  reference!: string;

  @ApiPropertyOptional({ enum: CONFIRMING_STATES, default: 'authorized', example: 'captured' })
  @MayBeAbsent()
  @IsIn(CONFIRMING_STATES, { message: CONFIRMING_STATE_RULE })
  state?: (typeof CONFIRMING_STATES)[number];

  @ApiPropertyOptional({
    ...AMOUNT_SCHEMA,
    description: 'Default: the total of the order. Another amount is refused (409).',
    example: 164.97,
  })
  @MayBeAbsent()
  @IsAmount()
  amount?: number;

  @ApiPropertyOptional({
    type: 'string',
    pattern: '^[A-Z]{3}$',
    description: 'Default: the currency of the order. Another one is refused (409).',
    example: 'USD',
  })
  @MayBeAbsent()
  @IsIn(CURRENCIES, { message: 'must be an ISO 4217 currency code such as USD' })
  currency?: string;
}

/** Body of `POST /orders/{id}/confirm`; it may be left out. */
export class ConfirmOrderDto {
  @ApiPropertyOptional({ type: ConfirmingPaymentDto })
  @MayBeAbsent()
  @ValidateNested({ message: 'must be an object' })
  @IsObject({ message: 'must be an object' })
  @Type(() => ConfirmingPaymentDto)
  payment?: ConfirmingPaymentDto;
}

export class ExtendHoldDto {
  @ApiProperty({
    type: 'integer',
    minimum: MIN_HOLD_SECONDS,
    maximum: LONGEST_HOLD_SECONDS,
    description: 'From now; at most `HOLD_MAX_SECONDS`. A hold never ends earlier than before.',
    example: 900,
  })
  @Max(LONGEST_HOLD_SECONDS, { message: `must be at most ${LONGEST_HOLD_SECONDS}` })
  @Min(MIN_HOLD_SECONDS, { message: `must be at least ${MIN_HOLD_SECONDS}` })
  @IsInt({ message: 'must be a whole number' })
  hold_seconds!: number;
}
