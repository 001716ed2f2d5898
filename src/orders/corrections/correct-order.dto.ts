import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiPropertyOptional, getSchemaPath, PartialType, PickType } from '@nestjs/swagger';
import { ValidateBy, ValidateIf } from 'class-validator';
import { fingerprintOf } from '../../idempotency/fingerprint.js';
import { FLAT_OBJECT } from '../../platform/http/input/request-bounds.js';
import { flatPatchError, MAX_PATCH_KEYS } from '../details/flat-object.js';
import {
  FLAT_OBJECT_SCHEMA,
  Line,
  OptionalObject,
  Paragraphs,
  Tags,
  Verbatim,
} from '../dto/detail.decorators.js';
import { AddressDto, MAX_LINE_LENGTH } from '../dto/order-details.dto.js';
import { MAX_NOTE_LENGTH, MAX_PHONE_LENGTH, PlaceOrderDto } from '../dto/place-order.dto.js';
import { MayBeAbsent } from '../dto/text.decorators.js';
import type { AddressPatch, MetadataPatch, OrderPatch } from './correction.js';

/** May be null, which removes it (RFC 7396). */
function Removable(): PropertyDecorator {
  return applyDecorators(
    ValidateIf((_object, value) => value !== null),
    ApiPropertyOptional({ nullable: true }),
  );
}

/** The same of an address, whose members are merged. */
function RemovableAddress(): PropertyDecorator {
  const schema = { oneOf: [{ $ref: getSchemaPath(AddressPatchDto) }, { type: 'null' }] };
  return applyDecorators(
    OptionalObject(AddressPatchDto, schema),
    ValidateIf((_object, value) => value !== null),
  );
}

/** Metadata to set, and with null to remove. */
function Metadata(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({
      type: 'object',
      nullable: true,
      maxProperties: MAX_PATCH_KEYS,
      additionalProperties: {
        oneOf: [...FLAT_OBJECT_SCHEMA.additionalProperties.oneOf, { type: 'null' }],
      },
      example: { campaign: 'autumn', draft: null },
      description: 'Fields to set; null removes one. The limits of metadata apply to the result.',
    }),
    MayBeAbsent(),
    ValidateIf((_object, value) => value !== null),
    ValidateBy({
      name: FLAT_OBJECT,
      constraints: [MAX_PATCH_KEYS],
      validator: {
        validate: (value: unknown) => flatPatchError(value) === undefined,
        defaultMessage: (about) => flatPatchError(about?.value) ?? '',
      },
    }),
  );
}

/** A change of an address. Whether the address is complete then depends on the order. */
export class AddressPatchDto
  extends PartialType(PickType(AddressDto, ['name', 'line1', 'city', 'country'] as const), {
    skipNullProperties: false,
  })
  implements AddressPatch
{
  @Removable()
  @Line(MAX_LINE_LENGTH, 'Johnson & Sons')
  company?: string | null;

  @Removable()
  @Line(MAX_LINE_LENGTH, 'Second floor')
  line2?: string | null;

  @Removable()
  @Line(MAX_LINE_LENGTH, '10117')
  postal_code?: string | null;

  @Removable()
  @Line(MAX_LINE_LENGTH, 'Berlin')
  region?: string | null;
}

/** Body of `PATCH /orders/{order_id}`: a JSON Merge Patch (RFC 7396) of the fields that can be corrected. */
@ApiExtraModels(AddressPatchDto)
export class CorrectOrderDto
  extends PartialType(PickType(PlaceOrderDto, ['customer_name', 'customer_email'] as const), {
    skipNullProperties: false,
  })
  implements OrderPatch
{
  @Removable()
  @Verbatim(MAX_PHONE_LENGTH, '+49 30 1234567', 'Kept as it is written.')
  customer_phone?: string | null;

  @RemovableAddress()
  shipping_address?: AddressPatchDto | null;

  @RemovableAddress()
  billing_address?: AddressPatchDto | null;

  @Removable()
  @Paragraphs(MAX_NOTE_LENGTH, 'Please ring twice.', 'Free text; may have several lines.')
  note?: string | null;

  @Removable()
  @Tags()
  tags?: string[] | null;

  @Metadata()
  metadata?: MetadataPatch | null;
}

/** The other fields of an order, which a client that sends back a whole order has too. */
const UNCORRECTABLE = [
  'order_id',
  'customer_id',
  'items',
  'subtotal_amount',
  'charges_amount',
  'total_amount',
  'currency',
  'status',
  'version',
  'timestamp',
  'updated_at',
  'expires_at',
  'payments',
  'payment_state',
  'number',
  'charges',
  'source',
  'source_order_id',
  'failure',
];

for (const field of UNCORRECTABLE) {
  MayBeAbsent()(CorrectOrderDto.prototype, field);
  ValidateBy({
    name: 'isUncorrectable',
    validator: { validate: () => false, defaultMessage: () => 'can not be corrected' },
  })(CorrectOrderDto.prototype, field);
}

/** The fingerprint of a validated body, with the order and the versions that it is for. */
export function correctionFingerprint(
  orderId: string,
  patch: CorrectOrderDto,
  expectedVersions: readonly number[] | undefined,
): string {
  return fingerprintOf({ ...patch, expectedVersions }, [], 'correction', orderId.toLowerCase());
}
