import { ApiProperty, type ApiPropertyOptions, getSchemaPath } from '@nestjs/swagger';
import { Decimal, Flag, ListOf, OneOf, Text } from '../../platform/http/fields.openapi.js';
import { type Address, type Charge, CHARGE_TYPES, type FlatObject } from '../details/order-details.js';
import type { Order } from '../order.entity.js';
import { FLAT_OBJECT_SCHEMA } from './detail.decorators.js';

export class AddressResponse implements Address {
  @Text('Alice Johnson')
  name!: string;

  @Text.optional('Johnson & Sons')
  company?: string;

  @Text('12 Long Street')
  line1!: string;

  @Text.optional('Second floor')
  line2?: string;

  @Text.optional('10117')
  postal_code?: string;

  @Text('Berlin')
  city!: string;

  @Text.optional('Berlin')
  region?: string;

  @Text('DE', 'ISO 3166-1 alpha-2.', { pattern: '^[A-Z]{2}$' })
  country!: string;
}

export class ChargeResponse implements Charge {
  @OneOf(CHARGE_TYPES, undefined, { example: 'shipping' })
  type!: Charge['type'];

  @Text.optional('Standard delivery')
  label?: string;

  @Decimal(4.99, 'Of a discount zero or negative.')
  amount!: number;

  @Flag.optional(false, 'Whether the prices contain it.')
  included?: boolean;
}

const NULLABLE_ADDRESS: ApiPropertyOptions = {
  oneOf: [{ $ref: getSchemaPath(AddressResponse) }, { type: 'null' }],
};

/** Documents a flat object; it is empty where the client gave none. */
export function FlatObjectProperty(): PropertyDecorator {
  return ApiProperty({ ...FLAT_OBJECT_SCHEMA, example: {} });
}

/** What the client gave besides customer and lines. */
export class OrderDetailsResponse {
  @Text.nullable('1001', 'What people call the order. Null of orders from before there were numbers.')
  number!: string | null;

  @Text.nullable(null)
  customer_phone!: string | null;

  @ApiProperty(NULLABLE_ADDRESS)
  shipping_address!: Address | null;

  @ApiProperty(NULLABLE_ADDRESS)
  billing_address!: Address | null;

  @Text.nullable(null)
  note!: string | null;

  @ListOf(String, undefined, { example: ['gift'] })
  tags!: string[];

  @FlatObjectProperty()
  metadata!: FlatObject;

  @ListOf(ChargeResponse)
  charges!: Charge[];

  @Text.nullable(null, 'The channel that the order came through.')
  source!: string | null;

  @Text.nullable(null, 'Id of the order in its source.')
  source_order_id!: string | null;
}

export function detailsResponse(order: Order): OrderDetailsResponse {
  return {
    number: order.number,
    customer_phone: order.customerPhone,
    shipping_address: order.shippingAddress,
    billing_address: order.billingAddress,
    note: order.note,
    tags: order.tags ?? [],
    metadata: order.metadata ?? {},
    charges: order.charges ?? [],
    source: order.source,
    source_order_id: order.sourceOrderId,
  };
}
