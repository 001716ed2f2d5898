import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, Max, Min, ValidateBy } from 'class-validator';
import { MayBeAbsent } from '../../orders/dto/text.decorators.js';
import { FEED_EVENT_TYPES } from '../event-type.js';

/** An answer without orders has at most a few hundred kilobytes. */
export const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;

/** Proxies commonly end a request without an answer after a minute. */
export const MAX_WAIT_SECONDS = 30;

/** An answer names no more of them. */
const MAX_NAMED = 5;

const INCLUDED = ['order', 'none'] as const;

/** Longer names are no types and are not repeated in full. */
const MAX_NAME_LENGTH = 40;

const WHOLE = { message: 'must be a whole number' };

const TYPE = FEED_EVENT_TYPES.join('|').replaceAll('.', '\\.');

function unknownTypesIn(text: string): string[] {
  return text.split(',').filter((type) => !FEED_EVENT_TYPES.includes(type));
}

function describeUnknown(value: unknown): string {
  if (typeof value !== 'string') return 'must be given once, as event types with commas in between';
  const unknown = unknownTypesIn(value)
    .slice(0, MAX_NAMED)
    .map((type) => JSON.stringify(type.slice(0, MAX_NAME_LENGTH)));
  return `has unknown event types: ${unknown.join(', ')}`;
}

/** Event types of the feed, with commas in between. */
function AreEventTypes(): PropertyDecorator {
  return ValidateBy({
    name: 'areEventTypes',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && unknownTypesIn(value).length === 0,
      defaultMessage: (given) => describeUnknown(given?.value),
    },
  });
}

/** Query of `GET /events`. */
export class ListFeedDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 0,
    description: '`next_after` of the response before; 0 for the beginning.',
  })
  @Type(() => Number)
  @Max(Number.MAX_SAFE_INTEGER, { message: `must be at most ${Number.MAX_SAFE_INTEGER}` })
  @Min(0, { message: 'must be at least 0' })
  @IsInt(WHOLE)
  after: number = 0;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_LIMIT,
    default: DEFAULT_LIMIT,
    description: 'The most events in the response; fewer where their orders have many lines.',
  })
  @Type(() => Number)
  @Max(MAX_LIMIT, { message: `must be at most ${MAX_LIMIT}` })
  @Min(1, { message: 'must be at least 1' })
  @IsInt(WHOLE)
  limit: number = DEFAULT_LIMIT;

  @ApiPropertyOptional({
    type: 'string',
    pattern: `^(${TYPE})(,(${TYPE}))*$`,
    description: 'Only events of these types, with commas in between.',
  })
  @MayBeAbsent()
  @AreEventTypes()
  types?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_WAIT_SECONDS,
    default: 0,
    description: 'Seconds to wait for an event if there is none (long poll).',
  })
  @Type(() => Number)
  @Max(MAX_WAIT_SECONDS, { message: `must be at most ${MAX_WAIT_SECONDS}` })
  @Min(0, { message: 'must be at least 0' })
  @IsInt(WHOLE)
  wait: number = 0;

  @ApiPropertyOptional({
    enum: INCLUDED,
    default: 'order',
    description: '`none` leaves `order` out, which makes the response smaller and quicker.',
  })
  @IsIn(INCLUDED, { message: `must be one of ${INCLUDED.join(', ')}` })
  include: (typeof INCLUDED)[number] = 'order';
}
