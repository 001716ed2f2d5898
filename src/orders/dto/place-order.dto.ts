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
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { CURRENCIES } from '../../config/currencies.js';
import { LONGEST_HOLD_SECONDS } from '../../config/settings.js';
import { type FingerprintLayout, fingerprintOf } from '../../idempotency/fingerprint.js';
import { MAX_EMAIL_LENGTH } from '../addresses/email-address.js';
import type { LineDetails, OrderDetails } from '../details/order-details.js';
import { MAX_LINES, MAX_QUANTITY, type PlacementRequest } from '../pricing/placement-request.js';
import {
  FlatObject,
  Identifier,
  Line,
  OptionalObject,
  Paragraphs,
  Tags,
  Verbatim,
} from './detail.decorators.js';
import { AMOUNT_SCHEMA, IsAmount } from './money.decorators.js';
import { AddressDto, ChargeDto } from './order-details.dto.js';
import {
  IsNewId,
  IsPlaceableEmail,
  IsPlainText,
  IsVisibleText,
  MayBeAbsent,
  OPAQUE_ID_SCHEMA,
} from './text.decorators.js';

const MAX_NAME_LENGTH = 200;

/** ITU-T E.164 has 15 digits; the rest is for a prefix, an extension and spaces. */
export const MAX_PHONE_LENGTH = 32;

/** A page of text. */
export const MAX_NOTE_LENGTH = 2_000;

/** The parts of a usual total, and as many again. */
export const MAX_CHARGES = 20;

/** People say numbers over the phone; sources are channels and connectors. */
export const MAX_NUMBER_LENGTH = 32;
export const MAX_SOURCE_LENGTH = 64;

const MAX_SKU_LENGTH = 128;

/** Nothing is paid in less, and the end of a hold is a task, which may run some seconds late. */
export const MIN_HOLD_SECONDS = 60;

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

  @Line(
    MAX_SKU_LENGTH,
    'WH-1000-BLK',
    'Stock keeping unit. Not interpreted: the product is found by `product_id`.',
  )
  sku?: string;

  @FlatObject({ colour: 'black' }, 'What the customer has chosen. Not interpreted.')
  options?: LineDetails['options'];

  @FlatObject({ gift_wrap: true }, 'Fields of your own. Not interpreted.')
  metadata?: LineDetails['metadata'];
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
    example: 164.97,
  })
  @MayBeAbsent()
  @IsAmount()
  expected_total?: number;

  @Verbatim(MAX_PHONE_LENGTH, '+49 30 1234567', 'Kept as it is written.')
  customer_phone?: string;

  @OptionalObject(AddressDto)
  shipping_address?: AddressDto;

  @OptionalObject(AddressDto)
  billing_address?: AddressDto;

  @Paragraphs(MAX_NOTE_LENGTH, 'Please ring twice.', 'Free text; may have several lines.')
  note?: string;

  @Tags()
  tags?: string[];

  @FlatObject({ campaign: 'autumn' }, 'Fields of your own. Not interpreted.')
  metadata?: OrderDetails['metadata'];

  @ApiPropertyOptional({
    type: [ChargeDto],
    maxItems: MAX_CHARGES,
    description: 'Shipping, taxes, discounts and fees. The service adds them up and computes none of them.',
  })
  @MayBeAbsent()
  @ValidateNested({ each: true, message: 'must be an object' })
  @IsObject({ each: true, message: 'must hold objects only' })
  @ArrayMaxSize(MAX_CHARGES, { message: `must have at most ${MAX_CHARGES} charges` })
  @IsArray({ message: 'must be a list' })
  @Type(() => ChargeDto)
  charges?: ChargeDto[];

  @Identifier(
    MAX_NUMBER_LENGTH,
    'A-1042',
    'What people call the order. Unique. Default: the next number of a sequence, in which gaps are normal. Customers may ' +
      'not choose it (403).',
  )
  number?: string;

  @Identifier(MAX_SOURCE_LENGTH, 'marketplace', 'The channel that the order comes through.')
  source?: string;

  @ApiPropertyOptional({
    ...OPAQUE_ID_SCHEMA,
    description:
      'Id of the order in `source`. The same id and source give the same order, for ever; with another content they are ' +
      'refused (409).',
    example: '402-1234567',
  })
  @MayBeAbsent()
  @NeedsSource()
  @IsNewId()
  source_order_id?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: MIN_HOLD_SECONDS,
    maximum: LONGEST_HOLD_SECONDS,
    description:
      'How long to hold the stock while the customer pays: the order becomes `reserved`, and `expired` unless it is ' +
      'confirmed in time. At most `HOLD_MAX_SECONDS`. Without it the order is confirmed at once. A preview checks it and holds nothing.',
    example: 900,
  })
  @MayBeAbsent()
  @Max(LONGEST_HOLD_SECONDS, { message: `must be at most ${LONGEST_HOLD_SECONDS}` })
  @Min(MIN_HOLD_SECONDS, { message: `must be at least ${MIN_HOLD_SECONDS}` })
  @IsInt({ message: 'must be a whole number' })
  hold_seconds?: number;
}

const hasSource = (order: Partial<PlaceOrderDto> | undefined): boolean => order?.source !== undefined;

/** An id means nothing without the system that has it. */
function NeedsSource(): PropertyDecorator {
  return ValidateBy({
    name: 'needsSource',
    validator: {
      validate: (_value, about) => hasSource(about?.object),
      defaultMessage: () => 'needs the source that has it',
    },
  });
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
      sku: item.sku ?? null,
      options: item.options ?? null,
      metadata: item.metadata ?? null,
    })),
    currency: body.currency,
    expectedTotal: toOptionalDigits(body.expected_total),
    customerPhone: body.customer_phone ?? null,
    shippingAddress: body.shipping_address ?? null,
    billingAddress: body.billing_address ?? null,
    note: body.note ?? null,
    tags: body.tags?.map((tag) => tag.normalize('NFC')) ?? null,
    metadata: body.metadata ?? null,
    charges: body.charges ?? null,
    number: body.number ?? null,
    source: body.source ?? null,
    sourceOrderId: body.source_order_id?.normalize('NFC') ?? null,
    holdSeconds: body.hold_seconds,
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
