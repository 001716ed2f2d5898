import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import {
  IsString,
  MaxLength,
  MinLength,
  ValidateBy,
  ValidateIf,
  type ValidationOptions,
} from 'class-validator';
import { isOpaqueId, MAX_ID_LENGTH } from '../../platform/http/input/opaque-id.js';
import { Problem } from '../../platform/http/problem.js';
import { isPlaceableEmail, isStorableEmail } from '../addresses/email-address.js';
import { hasUnusableInId, isBlank } from '../addresses/visible-text.js';

/** Control characters, which no name or id has, and which a database may not even be able to store. */
const CONTROL_CHARACTERS = /\p{Cc}/u;

/** Text without control characters and without halves of characters (lone surrogates). */
export function IsPlainText(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isPlainText',
      validator: {
        validate: (value: unknown) =>
          typeof value === 'string' && value.isWellFormed() && !CONTROL_CHARACTERS.test(value),
        defaultMessage: () => 'must be text without control characters',
      },
    },
    options,
  );
}

/** Text with at least one visible character. It is trimmed and normalised to Unicode form C. */
export function IsVisibleText(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.normalize('NFC').trim() : value,
    ),
    ValidateBy({
      name: 'isVisibleText',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && !isBlank(value),
        defaultMessage: () => 'must not be blank',
      },
    }),
    IsString({ message: 'must be text' }),
  );
}

/** The e-mail address of a new order. Kept in Unicode normalization form C. */
export function IsPlaceableEmail(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.normalize('NFC') : value,
    ),
    ValidateBy({
      name: 'isPlaceableEmail',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && isPlaceableEmail(value),
        defaultMessage: () => 'must be an e-mail address (RFC 5321) without invisible characters',
      },
    }),
  );
}

/** An e-mail address to find orders by, which may be older than the rule for new ones. */
export function IsStorableEmail(): PropertyDecorator {
  return ValidateBy({
    name: 'isStorableEmail',
    validator: { validate: isStorableEmail, defaultMessage: () => 'must be an e-mail address' },
  });
}

/** May be absent, but not null, which would mean something else. */
export function MayBeAbsent(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined);
}

/**
 * Schema of an opaque id in the OpenAPI document. Integers end where a JSON number stops being exact (RFC 8259, section
 * 6): a larger id, such as one of 64 bits, is sent as text.
 */
export const OPAQUE_ID_SCHEMA = {
  oneOf: [
    { type: 'string', minLength: 1, maxLength: MAX_ID_LENGTH },
    { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
  ],
};

/** The customer or product id of a new order, without invisible characters, which would make two ids look alike. */
export function IsNewId(): PropertyDecorator {
  return applyDecorators(
    IsOpaqueId(),
    ValidateBy({
      name: 'isNewId',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && !hasUnusableInId(value),
        defaultMessage: () => 'must not have invisible characters',
      },
    }),
  );
}

/** An opaque id to find orders by: text, or an integer that is kept as its digits. */
export function IsOpaqueId(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (Number.isSafeInteger(value) ? String(value) : value)),
    IsString({ message: 'must be text or an integer' }),
    MinLength(1, { message: 'must not be empty' }),
    MaxLength(MAX_ID_LENGTH, { message: `must have at most ${MAX_ID_LENGTH} characters` }),
    IsPlainText(),
  );
}

/**
 * Checks a path segment that names something by an opaque id.
 *
 * @throws {Problem} invalid-request
 */
export function requireOpaqueId(field: string, text: string): void {
  if (!isOpaqueId(text)) throw invalidId(field);
}

export function invalidId(field: string): Problem {
  const message = `must have 1 to ${MAX_ID_LENGTH} characters, none of them a control character`;
  return Problem.invalidRequest([{ field, message }]);
}

/**
 * Checks a path segment that names the customer of a new order.
 *
 * @throws {Problem} invalid-request
 */
export function requireNewId(field: string, text: string): void {
  requireOpaqueId(field, text);
  if (hasUnusableInId(text)) {
    throw Problem.invalidRequest([{ field, message: 'must not have invisible characters' }]);
  }
}
