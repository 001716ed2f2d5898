import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, PartialType, PickType } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  isISO8601,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { FEED_EVENT_TYPES } from '../../events/event-type.js';
import { IsLine } from '../../orders/dto/detail.decorators.js';
import { ListOrdersDto } from '../../orders/dto/list-orders.dto.js';
import { MayBeAbsent } from '../../orders/dto/text.decorators.js';
import { DELIVERY_STATES, type DeliveryState } from '../webhook-delivery.entity.js';
import { MAX_URL_LENGTH, urlError } from '../webhook-url.js';
import { CURSOR } from '../history/delivery-cursor.js';

/** A name for people. */
export const MAX_DESCRIPTION_LENGTH = 200;

/** A week: enough to change every receiver that has the old secret. */
export const MAX_VALID_HOURS = 168;
const DEFAULT_VALID_HOURS = 24;

const WHOLE = { message: 'must be a whole number' };

/** Longer names are no types and are not repeated in full; a response names no more of them. */
const MAX_NAME_LENGTH = 40;
const MAX_NAMED = 5;

/** Null removes it, as in JSON Merge Patch (RFC 7396); in a new endpoint it means the same as none. */
function MayBeNull(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined && value !== null);
}

function IsWebhookUrl(): PropertyDecorator {
  return ValidateBy({
    name: 'isWebhookUrl',
    validator: {
      validate: (value: unknown) => urlError(value) === undefined,
      defaultMessage: (about) => urlError(about?.value) ?? '',
    },
  });
}

function unknownTypesIn(value: unknown): unknown[] {
  return Array.isArray(value) ? value.filter((type: unknown) => !isType(type)) : [];
}

function isType(value: unknown): boolean {
  return typeof value === 'string' && FEED_EVENT_TYPES.includes(value);
}

function describeUnknown(value: unknown): string {
  const unknown = unknownTypesIn(value)
    .slice(0, MAX_NAMED)
    .map((type) => (typeof type === 'string' ? JSON.stringify(type.slice(0, MAX_NAME_LENGTH)) : 'not text'));
  return `has unknown event types: ${unknown.join(', ')}`;
}

/** Types of events of the feed. */
function AreEventTypes(): PropertyDecorator {
  return applyDecorators(
    IsArray({ message: 'must be a list' }),
    ArrayMaxSize(FEED_EVENT_TYPES.length, { message: `must have at most ${FEED_EVENT_TYPES.length} types` }),
    ArrayMinSize(1, { message: 'must have at least one type' }),
    ValidateBy({
      name: 'areEventTypes',
      validator: {
        validate: (value: unknown) => unknownTypesIn(value).length === 0,
        defaultMessage: (about) => describeUnknown(about?.value),
      },
    }),
  );
}

/** Body of `POST /webhooks`. */
export class CreateWebhookDto {
  @ApiProperty({
    type: 'string',
    format: 'uri',
    minLength: 1,
    maxLength: MAX_URL_LENGTH,
    example: 'https://erp.shop.example/webhooks',
    description:
      'Where events are sent. `https`, and no private or local address, except where the settings allow them; no user name, ' +
      'password or fragment.',
  })
  @IsWebhookUrl()
  url!: string;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'string', enum: [...FEED_EVENT_TYPES] },
    nullable: true,
    minItems: 1,
    maxItems: FEED_EVENT_TYPES.length,
    example: ['order.confirmed', 'order.cancelled'],
    description: 'Only events of these types are sent. Null or absent: all, also types of later releases.',
  })
  @MayBeNull()
  @AreEventTypes()
  events?: string[] | null;

  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    minLength: 1,
    maxLength: MAX_DESCRIPTION_LENGTH,
    example: 'ERP',
    description: 'A name for people.',
  })
  @MayBeNull()
  @IsLine(MAX_DESCRIPTION_LENGTH)
  description?: string | null;
}

/** Body of `PATCH /webhooks/{webhook_id}`: a JSON Merge Patch (RFC 7396). The URL can not be removed. */
export class UpdateWebhookDto extends PartialType(CreateWebhookDto, { skipNullProperties: false }) {}

/** Body of `POST /webhooks/{webhook_id}/rotate-secret`. */
export class RotateSecretDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_VALID_HOURS,
    default: DEFAULT_VALID_HOURS,
    description: 'How long deliveries are signed with the earlier secrets too. 0: they end at once.',
  })
  @Max(MAX_VALID_HOURS, { message: `must be at most ${MAX_VALID_HOURS}` })
  @Min(0, { message: 'must be at least 0' })
  @IsInt(WHOLE)
  valid_hours: number = DEFAULT_VALID_HOURS;
}

/** A time of RFC 3339, with its zone. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

function isPosition(value: unknown): boolean {
  if (typeof value === 'string') return TIME.test(value) && isISO8601(value, { strict: true });
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** A place in the feed: a number of it, or a time. */
function Position(): PropertyDecorator {
  return ValidateBy({
    name: 'isPosition',
    validator: {
      validate: isPosition,
      defaultMessage: () =>
        'must be a number of the feed from 0 on, or a time with its zone, as in 2026-01-31T12:00:00Z',
    },
  });
}

const POSITION = {
  oneOf: [
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', format: 'date-time' },
  ],
};

/** Body of `POST /webhooks/{webhook_id}/replay`. */
export class ReplayDto {
  @ApiProperty({
    ...POSITION,
    example: 4711,
    description:
      'Events after this `feed_no` are sent again; or after this time, with those of about a minute before.',
  })
  @Position()
  after!: number | string;

  @ApiPropertyOptional({
    ...POSITION,
    description:
      'The last `feed_no` to be sent again; or the time until which events are, with those of about a minute after. ' +
      'Absent: the end of the feed.',
  })
  @MayBeAbsent()
  @Position()
  until?: number | string;
}

/** Query of `GET /webhooks/{webhook_id}/deliveries`. */
export class ListWebhookDeliveriesDto extends PickType(ListOrdersDto, ['limit'] as const) {
  @ApiPropertyOptional({ enum: DELIVERY_STATES, description: 'Deliveries in this state only.' })
  @MayBeAbsent()
  @IsIn(DELIVERY_STATES, { message: `must be one of ${DELIVERY_STATES.join(', ')}` })
  state?: DeliveryState;

  @ApiPropertyOptional({
    type: 'string',
    pattern: CURSOR.source,
    description: '`next_cursor` of the page before.',
  })
  @MayBeAbsent()
  @Matches(CURSOR, { message: 'must be the next_cursor of an earlier answer' })
  cursor?: string;
}
