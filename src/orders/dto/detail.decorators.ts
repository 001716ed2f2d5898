import { applyDecorators, type Type as Class } from '@nestjs/common';
import { ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsObject,
  IsString,
  isISO31661Alpha2,
  Matches,
  MaxLength,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { FLAT_OBJECT } from '../../platform/http/input/request-bounds.js';
import { hasUnusableInId, isBlank } from '../addresses/visible-text.js';
import { flatObjectError, MAX_KEYS, MAX_VALUE_LENGTH } from '../details/flat-object.js';
import { IsPlainText, MayBeAbsent } from './text.decorators.js';

/** Labels that a person still overlooks. */
export const MAX_TAGS = 20;
export const MAX_TAG_LENGTH = 50;

/** Line feeds and tabs, which a note may have, and no other control character. */
const CONTROL_CHARACTERS_OF_TEXT = /(?![\t\n\r])\p{Cc}/u;

const toNormalText = ({ value }: { value: unknown }): unknown =>
  typeof value === 'string' ? value.normalize('NFC').trim() : value;

const isParagraphs = (text: string): boolean => text.isWellFormed() && !CONTROL_CHARACTERS_OF_TEXT.test(text);

const isCountry = (text: string): boolean => /^[A-Z]{2}$/.test(text) && isISO31661Alpha2(text);

function Rule(name: string, isRight: (text: string) => boolean, message: string): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isRight(value),
      defaultMessage: () => message,
    },
  });
}

const isVisible = (): PropertyDecorator => Rule('isVisible', (text) => !isBlank(text), 'must not be blank');

const isShort = (maxLength: number): PropertyDecorator =>
  applyDecorators(
    IsString({ message: 'must be text' }),
    MaxLength(maxLength, { message: `must have at most ${maxLength} characters` }),
  );

const textSchema = (maxLength: number, example: string, description?: string) =>
  ({
    type: 'string',
    minLength: 1,
    maxLength,
    example,
    ...(description !== undefined && { description }),
  }) as const;

/** One line of text, trimmed and in Unicode form C. */
export function IsLine(maxLength: number): PropertyDecorator {
  return applyDecorators(Transform(toNormalText), isShort(maxLength), IsPlainText(), isVisible());
}

/** An optional line of text. */
export function Line(maxLength: number, example: string, description?: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional(textSchema(maxLength, example, description)),
    MayBeAbsent(),
    IsLine(maxLength),
  );
}

/** An optional line of text, kept as it was written. */
export function Verbatim(maxLength: number, example: string, description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional(textSchema(maxLength, example, description)),
    MayBeAbsent(),
    isShort(maxLength),
    IsPlainText(),
    isVisible(),
  );
}

/** An optional text of several lines. */
export function Paragraphs(maxLength: number, example: string, description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional(textSchema(maxLength, example, description)),
    MayBeAbsent(),
    Transform(toNormalText),
    isShort(maxLength),
    Rule(
      'isParagraphs',
      isParagraphs,
      'must be text without control characters other than line feeds and tabs',
    ),
    isVisible(),
  );
}

/** A name by which something is found, so that no two of them look alike. */
export function IsIdentifier(maxLength: number): PropertyDecorator {
  return applyDecorators(
    Transform(toNormalText),
    isShort(maxLength),
    IsPlainText(),
    Rule('isUsableInId', (text) => !hasUnusableInId(text), 'must not be blank or have invisible characters'),
  );
}

/** An optional name by which orders are found. */
export function Identifier(maxLength: number, example: string, description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional(textSchema(maxLength, example, description)),
    MayBeAbsent(),
    IsIdentifier(maxLength),
  );
}

/** An optional object with the fields of a class, whose schema may have more alternatives. */
export function OptionalObject(type: Class, schema: ApiPropertyOptions = { type }): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional(schema),
    MayBeAbsent(),
    Type(() => type),
    IsObject({ message: 'must be an object' }),
    ValidateNested({ message: 'must be an object' }),
  );
}

/** An optional list of labels. */
export function Tags(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({
      type: [String],
      maxItems: MAX_TAGS,
      example: ['gift'],
      description: `Labels of up to ${MAX_TAG_LENGTH} characters.`,
    }),
    MayBeAbsent(),
    IsArray({ message: 'must be a list' }),
    ArrayMaxSize(MAX_TAGS, { message: `must have at most ${MAX_TAGS} tags` }),
    IsString({ each: true, message: 'must hold text only' }),
    MaxLength(MAX_TAG_LENGTH, {
      each: true,
      message: `must hold text of at most ${MAX_TAG_LENGTH} characters`,
    }),
    IsPlainText({ each: true, message: 'must hold text without control characters' }),
    Matches(/\S/, { each: true, message: 'must not hold blank text' }),
  );
}

/** A country in use. The code is in upper case, as the codes of currencies. */
export function IsCountry(): PropertyDecorator {
  return Rule('isCountry', isCountry, 'must be an ISO 3166-1 alpha-2 country code such as DE');
}

export const FLAT_OBJECT_SCHEMA = {
  type: 'object' as const,
  additionalProperties: {
    oneOf: [{ type: 'string', maxLength: MAX_VALUE_LENGTH }, { type: 'number' }, { type: 'boolean' }],
  },
};

/** An optional object with keys of the client and values that are text, numbers or booleans. */
export function FlatObject(example: object, description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ ...FLAT_OBJECT_SCHEMA, maxProperties: MAX_KEYS, example, description }),
    MayBeAbsent(),
    IsFlatObject(MAX_KEYS),
  );
}

/** An object with up to a number of keys that the client chooses. In a query its members are written one by one. */
export function IsFlatObject(mostKeys: number): PropertyDecorator {
  return ValidateBy({
    name: FLAT_OBJECT,
    constraints: [mostKeys],
    validator: {
      validate: (value: unknown) => flatObjectError(value) === undefined,
      defaultMessage: (about) => flatObjectError(about?.value) ?? '',
    },
  });
}
