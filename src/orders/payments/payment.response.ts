import { Decimal, Flag, OneOf, Text, Time } from '../../platform/http/fields.openapi.js';
import { type Payment, PAYMENT_STATES, type ReportedState } from './payment.js';

/** A payment as it is stored. */
export class PaymentResponse implements Payment {
  @Text('pay_8f2k', 'Id of the payment at its provider; of a refund its own id.')
  reference!: string;

  @OneOf(PAYMENT_STATES, undefined, { example: 'captured' })
  state!: ReportedState;

  @Decimal(164.97)
  amount!: number;

  @Text('USD', 'ISO 4217 code; may be another currency than that of the order.', { pattern: '^[A-Z]{3}$' })
  currency!: string;

  @Time('When it was reported first.')
  recorded_at!: string;

  @Flag.optional(true, 'Only of the payment that confirmed the order.')
  confirmed?: true;
}
