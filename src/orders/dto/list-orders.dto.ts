import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional, PickType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsInt, IsISO8601, IsString, IsUUID, Matches, Max, MaxLength, Min, MinLength } from 'class-validator';
import { MAX_ID_LENGTH } from '../../platform/http/input/opaque-id.js';
import { MAX_EMAIL_LENGTH } from '../addresses/email-address.js';
import { MAX_VALUE_LENGTH } from '../details/flat-object.js';
import { MAX_DECIMALS } from '../pricing/order-pricing.js';
import type { OrderFilter } from '../search/order-conditions.js';
import { IsFlatObject } from './detail.decorators.js';
import { MAX_TAG_LENGTH } from './detail.decorators.js';
import { MAX_NUMBER_LENGTH, MAX_SOURCE_LENGTH } from './place-order.dto.js';
import { IsStatusList, parseStatuses, STATUS_LIST_SCHEMA } from './status.decorator.js';
import { IsOpaqueId, IsPlainText, IsStorableEmail, MayBeAbsent } from './text.decorators.js';

const DEFAULT_LIMIT = 50;

/** Answers stay below a few hundred kilobytes, and no caller holds a connection for long. */
export const MAX_LIMIT = 200;

/** The length of the longest searchable value, an e-mail address. */
const MAX_SEARCH_LENGTH = MAX_EMAIL_LENGTH;

/** Each is checked on every order of a window. */
const MAX_METADATA_FILTERS = 5;

/** Which addresses are found by an address. */
const SAME_ADDRESS =
  'Case and invisible characters are ignored. An internationalized domain and its punycode form are the same.';

/** Filters that no index serves. */
const CHECKED = 'Checked on the newest orders: see `searched`.';

/** A date, which means midnight UTC, or a time with its zone. The rarely used forms of ISO 8601 are rejected. */
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;
const TIME_FORMS =
  'A time with its zone, as in 2026-01-31T12:00:00Z, or a day, which begins at midnight UTC.';
const TIME_MESSAGE = { message: 'must be a day or a time with its zone, as in 2026-01-31T12:00:00Z' };

function TimeFilter(meaning: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'string', pattern: TIME.source, description: `${meaning} ${TIME_FORMS}` }),
    Matches(TIME, TIME_MESSAGE),
    IsISO8601({ strict: true }, TIME_MESSAGE),
    MayBeAbsent(),
  );
}

function IdFilter(description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'string', minLength: 1, maxLength: MAX_ID_LENGTH, description }),
    IsOpaqueId(),
    MayBeAbsent(),
  );
}

function TextFilter(maxLength: number, description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'string', minLength: 1, maxLength, description }),
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.normalize('NFC') : value,
    ),
    IsString({ message: 'must be text' }),
    MinLength(1, { message: 'must not be empty' }),
    MaxLength(maxLength, { message: `must have at most ${maxLength} characters` }),
    IsPlainText(),
    MayBeAbsent(),
  );
}

export function SourceFilter(): PropertyDecorator {
  return TextFilter(MAX_SOURCE_LENGTH, 'Orders that came through this channel.');
}

/** Kept as text, so that it is compared exactly; as many digits as totals may have. */
const AMOUNT = new RegExp(String.raw`^\d{1,11}(\.\d{1,${MAX_DECIMALS}})?$`);

function AmountFilter(meaning: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({
      type: 'string',
      pattern: AMOUNT.source,
      description: `${meaning} Decimal digits, as in 12.50, in the currency of the order. ${CHECKED}`,
    }),
    Matches(AMOUNT, { message: 'must be an amount in decimal digits, as in 12.50' }),
    MayBeAbsent(),
  );
}

/** Query of `GET /orders`: the page, and the filters, which are combined by AND. */
export class ListOrdersDto {
  @ApiPropertyOptional(STATUS_LIST_SCHEMA)
  @MayBeAbsent()
  @IsStatusList()
  status?: string;

  @IdFilter('Orders of this customer.')
  customer_id?: string;

  @ApiPropertyOptional({
    type: 'string',
    format: 'email',
    maxLength: MAX_EMAIL_LENGTH,
    description: SAME_ADDRESS,
  })
  @MayBeAbsent()
  @IsStorableEmail()
  customer_email?: string;

  @IdFilter('Orders with a line of this product.')
  product_id?: string;

  @ApiPropertyOptional({
    type: 'string',
    minLength: 1,
    maxLength: MAX_SEARCH_LENGTH,
    description:
      'Finds orders by an order id or at least its first eight characters, a number, a customer id, an e-mail address in ' +
      'any case, an id in the source, or a product id. A text that is none of these finds orders with a part of one of ' +
      'them, or of a name, a product name or an SKU; case, accents and repeated spaces are ignored. Parts are found a few seconds after the order ' +
      'was placed. Where they are checked on the newest orders only, `searched` says so.',
  })
  @MayBeAbsent()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  @MaxLength(MAX_SEARCH_LENGTH, { message: `must have at most ${MAX_SEARCH_LENGTH} characters` })
  @IsPlainText()
  @Matches(/\S/, { message: 'must not be blank' })
  q?: string;

  @TextFilter(MAX_NUMBER_LENGTH, 'The order with this number, and rejected or failed orders that had it.')
  number?: string;

  @SourceFilter()
  source?: string;

  @IdFilter('Orders with this id in their source.')
  source_order_id?: string;

  @TextFilter(MAX_TAG_LENGTH, `Orders with this tag. ${CHECKED}`)
  tag?: string;

  @ApiPropertyOptional({
    name: 'metadata.<key>',
    type: 'string',
    maxLength: MAX_VALUE_LENGTH,
    description: `Orders whose \`metadata\` has this value as text, as in \`metadata.campaign=autumn\`; up to ${MAX_METADATA_FILTERS} keys. ${CHECKED}`,
  })
  @MayBeAbsent()
  @IsFlatObject(MAX_METADATA_FILTERS)
  metadata?: Record<string, string>;

  @AmountFilter('Orders with this total or a higher one.')
  total_min?: string;

  @AmountFilter('Orders with this total or a lower one.')
  total_max?: string;

  @TimeFilter('Placed at this time or later.')
  placed_from?: string;

  @TimeFilter('Placed before this time.')
  placed_to?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_LIMIT,
    default: DEFAULT_LIMIT,
    description:
      'The most that a page may hold; fewer where the orders have many lines. Follow `next_cursor`.',
  })
  @Type(() => Number)
  @Max(MAX_LIMIT, { message: `must be at most ${MAX_LIMIT}` })
  @Min(1, { message: 'must be at least 1' })
  @IsInt({ message: 'must be a whole number' })
  limit: number = DEFAULT_LIMIT;

  @ApiPropertyOptional({ type: 'string', format: 'uuid', description: '`next_cursor` of the page before.' })
  @MayBeAbsent()
  @IsUUID('all', { message: 'must be the next_cursor of an earlier answer' })
  cursor?: string;
}

/** Query of `GET /orders/{customer_id}`: the page only. */
export class PageDto extends PickType(ListOrdersDto, ['limit', 'cursor'] as const) {}

/** @param findsFragments whether `q` finds parts of values too */
export function toOrderFilter(
  query: Omit<ListOrdersDto, 'limit' | 'cursor'>,
  findsFragments: boolean,
): OrderFilter {
  return {
    statuses: query.status === undefined ? undefined : parseStatuses(query.status),
    customerId: query.customer_id,
    customerEmail: query.customer_email,
    productId: query.product_id,
    number: query.number,
    source: query.source,
    sourceOrderId: query.source_order_id?.normalize('NFC'),
    tag: query.tag,
    metadata: query.metadata,
    totalMin: query.total_min,
    totalMax: query.total_max,
    fromId: query.placed_from === undefined ? undefined : smallestIdAt(query.placed_from),
    beforeId: query.placed_to === undefined ? undefined : smallestIdAt(query.placed_to),
    search: query.q,
    findsFragments,
  };
}

/** Ids begin with the milliseconds of their placement (UUIDv7), so a time is a bound on ids. */
export function smallestIdAt(time: string): string {
  const milliseconds = Math.max(0, Date.parse(time));
  const hex = milliseconds.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
