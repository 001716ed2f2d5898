import { applyDecorators } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, IsUrl, Max, Min } from 'class-validator';

const HTTP_URL = { protocols: ['http', 'https'], require_tld: false, require_protocol: true };

/** What is neither is left for the validator to refuse. */
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

/** The address of another service. */
export function HttpUrl(): PropertyDecorator {
  return IsUrl(HTTP_URL, { message: 'must be an http(s) URL' });
}

/** The address of another service that may be absent. */
export function OptionalHttpUrl(): PropertyDecorator {
  return applyDecorators(IsOptional(), HttpUrl());
}
