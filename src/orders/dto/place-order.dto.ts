import { ApiProperty, ApiPropertyOptional, OmitType, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { CURRENCIES } from '../../config/currencies.js';
import { type FingerprintLayout, fingerprintOf } from '../../idempotency/fingerprint.js';
import { MAX_EMAIL_LENGTH } from '../addresses/email-address.js';
import { MAX_LINES, MAX_QUANTITY, type PlacementRequest } from '../pricing/placement-request.js';
import { AMOUNT_SCHEMA, IsAmount } from './money.decorators.js';
import {
  IsNewId,
  IsPlaceableEmail,
  IsPlainText,
  IsVisibleText,
  MayBeAbsent,
  OPAQUE_ID_SCHEMA,
} from './text.decorators.js';

const MAX_NAME_LENGTH = 200;

export class OrderItemDto {
  @ApiProperty({
    ...OPAQUE_ID_SCHEMA,
    description:
      'Id of the product: text, or an integer, which is stored as its digits. Send ids above 2^53 as text.',
    example: 'PROD001',
  })
  @IsNewId()
  product_id!: string;

  @ApiProperty({ type: 'integer', minimum: 1, maximum: MAX_QUANTITY, example: 2 })
  @Max(MAX_QUANTITY, { message: `must be at most ${MAX_QUANTITY}` })
  @Min(1, { message: 'must be at least 1' })
  @IsInt({ message: 'must be a whole number' })
  quantity!: number;

  @ApiPropertyOptional({
    ...AMOUNT_SCHEMA,
    description:
      'The price of one unit that the customer was shown. An order at another price is refused (409).',
    example: 79.99,
  })
  @MayBeAbsent()
  @IsAmount()
  price?: number;
}

export class PlaceOrderDto {
  @ApiProperty({ type: 'string', minLength: 1, maxLength: MAX_NAME_LENGTH, example: 'Alice Johnson' })
  @IsPlainText()
  @MaxLength(MAX_NAME_LENGTH, { message: `must have at most ${MAX_NAME_LENGTH} characters` })
  @IsVisibleText()
  customer_name!: string;

  @ApiProperty({ type: 'string', format: 'email', maxLength: MAX_EMAIL_LENGTH, example: 'alice@example.com' })
  @IsPlaceableEmail()
  customer_email!: string;

  @ApiProperty({ type: [OrderItemDto], minItems: 1, maxItems: MAX_LINES })
  @ValidateNested({ each: true, message: 'must be an object' })
  @IsObject({ each: true, message: 'must hold objects only' })
  @ArrayMaxSize(MAX_LINES, { message: `must have at most ${MAX_LINES} lines` })
  @ArrayMinSize(1, { message: 'must not be empty' })
  @IsArray({ message: 'must be a list' })
  @Type(() => OrderItemDto)
  items!: OrderItemDto[];

  @ApiPropertyOptional({
    ...OPAQUE_ID_SCHEMA,
    description: 'Id of the customer, to find the order by.',
    example: '42',
  })
  @MayBeAbsent()
  @IsNewId()
  customer_id?: string;

  @ApiPropertyOptional({
    type: 'string',
    pattern: '^[A-Z]{3}$',
    description: 'ISO 4217 code of a currency in use. Default: the currency of the products.',
    example: 'USD',
  })
  @MayBeAbsent()
  @IsIn(CURRENCIES, { message: 'must be an ISO 4217 currency code such as USD' })
  currency?: string;

  @ApiPropertyOptional({
    ...AMOUNT_SCHEMA,
    description: 'The total that the customer was shown. An order with another total is refused (409).',
    example: 159.98,
  })
  @MayBeAbsent()
  @IsAmount()
  expected_total?: number;
}

/** Body of `POST /orders/{customer_id}`. Every field is optional; without items, the order takes the cart. */
export class PlaceCustomerOrderDto extends PartialType(OmitType(PlaceOrderDto, ['customer_id'] as const), {
  skipNullProperties: false,
}) {}

/** Converts a validated body to the domain's type. */
export function toPlacementRequest(
  body: PlaceOrderDto | PlaceCustomerOrderDto,
  customerId: string | undefined,
): PlacementRequest {
  return {
    customerId: customerId?.normalize('NFC'),
    customerName: body.customer_name,
    customerEmail: body.customer_email,
    items: body.items?.map((item) => ({
      productId: item.product_id,
      quantity: item.quantity,
      price: toOptionalDigits(item.price),
    })),
    currency: body.currency,
    expectedTotal: toOptionalDigits(body.expected_total),
  };
}

const FINGERPRINT: FingerprintLayout = [
  'customer_id',
  'customer_name',
  'customer_email',
  ['items', ['product_id', 'quantity', 'price']],
  'currency',
  'expected_total',
];

/** The fingerprint of a validated body, with the customer for whom the order is. */
export function placementFingerprint(
  body: PlaceOrderDto | PlaceCustomerOrderDto,
  customerId: string | undefined,
): string {
  const items = body.items?.map((item) => ({ ...item, price: toOptionalDigits(item.price) }));
  const expected_total = toOptionalDigits(body.expected_total);
  const customer_id = customerId?.normalize('NFC');
  return fingerprintOf({ ...body, customer_id, items, expected_total }, FINGERPRINT);
}

function toOptionalDigits(amount: number | undefined): string | undefined {
  return amount === undefined ? undefined : toDigits(amount);
}

/** The decimal digits that the client wrote: the shortest that give this number, which is exact for amounts. */
function toDigits(amount: number): string {
  return String(amount);
}
