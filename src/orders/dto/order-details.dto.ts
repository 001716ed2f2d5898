import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, ValidateBy } from 'class-validator';
import { type Address, type Charge, CHARGE_TYPES } from '../details/order-details.js';
import { IsCountry, IsLine, Line } from './detail.decorators.js';
import { IsSignedAmount, SIGNED_AMOUNT_SCHEMA } from './money.decorators.js';
import { MayBeAbsent } from './text.decorators.js';

/** Any line on a parcel, and any label of a charge. */
export const MAX_LINE_LENGTH = 200;

/** A required line of an address. */
function AddressLine(example: string): PropertyDecorator {
  const schema = ApiProperty({ type: 'string', minLength: 1, maxLength: MAX_LINE_LENGTH, example });
  return (target, property) => {
    schema(target, property);
    IsLine(MAX_LINE_LENGTH)(target, property);
  };
}

export class AddressDto implements Address {
  @AddressLine('Alice Johnson')
  name!: string;

  @Line(MAX_LINE_LENGTH, 'Johnson & Sons')
  company?: string;

  @AddressLine('12 Long Street')
  line1!: string;

  @Line(MAX_LINE_LENGTH, 'Second floor')
  line2?: string;

  @Line(MAX_LINE_LENGTH, '10117')
  postal_code?: string;

  @AddressLine('Berlin')
  city!: string;

  @Line(MAX_LINE_LENGTH, 'Berlin')
  region?: string;

  @ApiProperty({ type: 'string', pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2.', example: 'DE' })
  @IsCountry()
  country!: string;
}

const isDiscount = (charge: Partial<Charge> | undefined): boolean => charge?.type === 'discount';

/** A discount lowers the total, and everything else raises it. */
function HasSignOfType(): PropertyDecorator {
  return ValidateBy({
    name: 'hasSignOfType',
    validator: {
      validate: (value: unknown, about) =>
        typeof value === 'number' && (isDiscount(about?.object) ? value <= 0 : value >= 0),
      defaultMessage: (about) =>
        isDiscount(about?.object)
          ? 'must not be positive: a discount lowers the total'
          : 'must not be negative: only a discount is',
    },
  });
}

export class ChargeDto implements Charge {
  @ApiProperty({ enum: CHARGE_TYPES, example: 'shipping' })
  @IsIn(CHARGE_TYPES, { message: `must be one of ${CHARGE_TYPES.join(', ')}` })
  type!: Charge['type'];

  @Line(MAX_LINE_LENGTH, 'Standard delivery')
  label?: string;

  @ApiProperty({
    ...SIGNED_AMOUNT_SCHEMA,
    example: 4.99,
    description: 'In the currency of the order: of a discount zero or negative, otherwise zero or positive.',
  })
  @HasSignOfType()
  @IsSignedAmount()
  amount!: number;

  @ApiPropertyOptional({
    type: 'boolean',
    example: false,
    description:
      'Whether the prices contain it, as a value added tax: then it is not added to the total. Default: false.',
  })
  @MayBeAbsent()
  @IsBoolean({ message: 'must be true or false' })
  included?: boolean;
}
