import { type ArgumentMetadata, type Type, ValidationPipe } from '@nestjs/common';
import { ValidationError } from 'class-validator';
import { type FieldError, Problem } from './problem.js';

/** Path of a nested field as clients write it: `items[0].quantity`. */
function fieldPath(parent: string, property: string): string {
  if (/^\d+$/.test(property)) return `${parent}[${property}]`;
  return parent === '' ? property : `${parent}.${property}`;
}

function flatten(errors: readonly ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap((error) => {
    const field = fieldPath(parent, error.property);
    const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
      field,
      message: rule === 'whitelistValidation' ? 'is not a known field' : message,
    }));
    return [...own, ...flatten(error.children ?? [], field)];
  });
}

/**
 * Checks bodies and queries against their classes before anything else sees them: every wrong or unknown field is
 * named in one answer.
 */
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      // One message a field: the first rule that it breaks, checked from the bottom of its decorators upwards.
      stopAtFirstError: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      exceptionFactory: (errors) => Problem.invalidRequest(flatten(errors)),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && isDto(metadata.metatype) && !isObject(value)) {
      throw Problem.invalidRequest([{ field: '', message: 'the body must be a JSON object' }]);
    }
    return super.transform(value, metadata);
  }
}

function isDto(metatype: Type | undefined): boolean {
  return metatype !== undefined && metatype !== Object;
}

/** An absent body counts as an empty object; whether that is enough is for the fields' rules to say. */
function isObject(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value));
}
