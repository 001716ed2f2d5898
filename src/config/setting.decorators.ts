import { isIP } from 'node:net';
import { applyDecorators } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, IsUrl, Max, Min, ValidateBy } from 'class-validator';

const HTTP_URL = { protocols: ['http', 'https'], require_tld: false, require_protocol: true };

/** Other values are left for the validator to refuse. */
function toBoolean({ value }: { value: unknown }): unknown {
  return value === 'true' ? true : value === 'false' ? false : value;
}

/** A whole number within bounds. */
export function WholeNumber(min: number, max: number): PropertyDecorator {
  return applyDecorators(
    Type(() => Number),
    IsInt(),
    Min(min),
    Max(max),
  );
}

/** `true` or `false`. */
export function Flag(): PropertyDecorator {
  return applyDecorators(Transform(toBoolean), IsBoolean({ message: 'must be true or false' }));
}

/** The URL of another service. */
export function HttpUrl(): PropertyDecorator {
  return IsUrl(HTTP_URL, { message: 'must be an http(s) URL' });
}

/** The URL of an optional service. */
export function OptionalHttpUrl(): PropertyDecorator {
  return applyDecorators(IsOptional(), HttpUrl());
}

/** Values between commas; the empty list where there are none. */
function toList({ value }: { value: unknown }): unknown {
  if (typeof value !== 'string') return value;
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function ListOf(name: string, isRight: (item: string) => boolean, message: string): PropertyDecorator {
  const isListOfThem = (value: unknown): boolean =>
    Array.isArray(value) && value.every((item) => typeof item === 'string' && isRight(item));
  return applyDecorators(
    Transform(toList),
    ValidateBy({ name, validator: { validate: isListOfThem, defaultMessage: () => message } }),
  );
}

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** Origins of sites whose pages may call. */
export function Origins(): PropertyDecorator {
  return ListOf('origins', isOrigin, 'must be origins such as https://shop.example.com, between commas');
}

const MAX_PREFIX: Record<number, number> = { 4: 32, 6: 128 };

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (MAX_PREFIX[family] ?? 0));
}

/** Addresses, or networks such as 10.0.0.0/8. */
export function Networks(): PropertyDecorator {
  return ListOf('networks', isNetwork, 'must be addresses or networks such as 10.0.0.0/8, between commas');
}
