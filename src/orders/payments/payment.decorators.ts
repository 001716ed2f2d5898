import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsLine } from '../dto/detail.decorators.js';

/** Providers' ids have a few dozen characters. */
const MAX_REFERENCE_LENGTH = 128;

/** The id of a payment at its provider. */
export function PaymentReference(): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ type: 'string', minLength: 1, maxLength: MAX_REFERENCE_LENGTH, example: 'pay_8f2k' }),
    IsLine(MAX_REFERENCE_LENGTH),
  );
}
