import { type ArgumentMetadata, type Type, ValidationPipe } from '@nestjs/common';
import { ValidationError, type ValidatorOptions, validateSync } from 'class-validator';
import { type FieldError, Problem } from './problem.js';

const UNKNOWN_FIELD = 'is not a known field';

/** Path of a nested field as clients write it: `items[0].quantity`. */
function fieldPath(parent: string, property: string): string {
  if (/^\d+$/.test(property)) return `${parent}[${property}]`;
  return parent === '' ? property : `${parent}.${property}`;
}

/** One message a field: the first rule that it breaks, as they stand from the bottom of its decorators upwards. */
function flatten(errors: readonly ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap((error) => {
    const field = fieldPath(parent, error.property);
    const [broken] = Object.entries(error.constraints ?? {});
    const own = broken
      ? [{ field, message: broken[0] === 'whitelistValidation' ? UNKNOWN_FIELD : broken[1] }]
      : [];
    return [...own, ...flatten(error.children ?? [], field)];
  });
}

/**
 * Fields that are called like what every object inherits. The libraries behind the pipe drop them in silence; to a
 * client they are unknown fields as any other. The body parser has bounded the depth.
 */
function inheritedNames(value: unknown, parent = ''): FieldError[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, content]) => {
    const field = fieldPath(parent, name);
    const own = name in Object.prototype || name === 'prototype' ? [{ field, message: UNKNOWN_FIELD }] : [];
    return [...own, ...inheritedNames(content, field)];
  });
}

/**
 * Checks bodies and queries against their classes before anything else sees them: every wrong or unknown field is
 * named in one answer.
 */
export class RequestValidationPipe extends ValidationPipe {
  /** What an empty query becomes, which most are: nothing but the defaults of its class. */
  private readonly emptyQueries = new Map<Type, object>();

  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      exceptionFactory: (errors) => Problem.invalidRequest(flatten(errors)),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && isDto(metadata.metatype) && !isObject(value)) {
      throw Problem.invalidRequest([{ field: '', message: 'the body must be a JSON object' }]);
    }
    if (metadata.type !== 'param' && isDto(metadata.metatype)) {
      const errors = inheritedNames(value);
      if (errors.length > 0) throw Problem.invalidRequest(errors);
    }
    if (metadata.type === 'query' && isDto(metadata.metatype) && isEmpty(value)) {
      return this.transformEmptyQuery(metadata.metatype);
    }
    return super.transform(value, metadata);
  }

  /** No rule of the service waits for anything. */
  protected override validate(object: object, options: ValidatorOptions): ValidationError[] {
    return validateSync(object, options);
  }

  /** What the body parser makes of JSON has no gaps, */
  protected override closeArrayGaps(): void {}

  /** holds no binary values, */
  protected override findNestedBinaryValues(): ValidationError[] {
    return [];
  }

  /** and fields that are called like those that every object has were refused before this would look for them. */
  protected override stripProtoKeys(): void {}

  /** The defaults are checked the first time and copied from then on; none of them is an object. */
  private async transformEmptyQuery(metatype: Type): Promise<object> {
    const known = this.emptyQueries.get(metatype);
    if (known) return Object.assign(Object.create(metatype.prototype) as object, known);
    const query = (await super.transform({}, { type: 'query', metatype })) as object;
    this.emptyQueries.set(metatype, { ...query });
    return query;
  }
}

function isDto(metatype: Type | undefined): metatype is Type {
  return metatype !== undefined && metatype !== Object;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** An absent body counts as an empty object; whether that is enough is for the fields' rules to say. */
function isObject(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value));
}
