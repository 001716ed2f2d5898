import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, ValidateBy } from 'class-validator';
import { CURRENCIES } from '../../config/currencies.js';
import { IsIdentifier } from '../dto/detail.decorators.js';
import { AMOUNT_SCHEMA, IsAmount } from '../dto/money.decorators.js';
import { MayBeAbsent } from '../dto/text.decorators.js';
import { PAYMENT_STATES, type ReportedState } from '../payments/payment.js';
import { referenceError } from '../payments/payment-reference.js';

export const STATE_RULE = `must be one of ${PAYMENT_STATES.join(', ')}`;

/** Ids of payment providers have up to 100 characters. */
export const MAX_REFERENCE_LENGTH = 128;

/** The id of a payment at its provider, which is neither an e-mail address nor a card number. */
export function PaymentReference(): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      type: 'string',
      minLength: 1,
      maxLength: MAX_REFERENCE_LENGTH,
      description:
        'Id of the payment at its provider; of a refund its own id. Never personal data: an e-mail address or a card ' +
        'number is refused.',
      example: 'pay_8f2k',
    }),
    IsIdentifier(MAX_REFERENCE_LENGTH),
    ValidateBy({
      name: 'isPaymentReference',
      validator: {
        validate: (value: unknown) => typeof value !== 'string' || referenceError(value) === undefined,
        defaultMessage: (about) => referenceError(String(about?.value)) ?? '',
      },
    }),
  );
}

/** Body of `POST /orders/{order_id}/payments`. */
export class RecordPaymentDto {
  @PaymentReference()
  reference!: string;

  @ApiProperty({
    type: 'string',
    enum: PAYMENT_STATES,
    description: 'What happened to the payment. `declined` changes nothing but is recorded.',
    example: 'captured',
  })
  @IsIn(PAYMENT_STATES, { message: STATE_RULE })
  state!: ReportedState;

  @ApiProperty({
    ...AMOUNT_SCHEMA,
    description: 'Of this report: the part that was captured or refunded, never negative.',
    example: 164.97,
  })
  @IsAmount()
  amount!: number;

  @ApiPropertyOptional({
    type: 'string',
    pattern: '^[A-Z]{3}$',
    description:
      'ISO 4217 code. Default: the currency of the order. Payments in another currency are recorded and do not count for ' +
      '`payment_state`.',
    example: 'USD',
  })
  @MayBeAbsent()
  @IsIn(CURRENCIES, { message: 'must be an ISO 4217 currency code such as USD' })
  currency?: string;
}
