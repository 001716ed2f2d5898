import { type ArgumentMetadata, type Type, ValidationPipe } from '@nestjs/common';
import { ValidationError, type ValidatorOptions, validateSync } from 'class-validator';
import { type FieldError, MAX_ERRORS, Problem } from '../problem.js';
import { cacheRules } from './class-rules.js';
import {
  emptyUnexpected,
  fieldPath,
  findExcess,
  gatherMembers,
  hasTooManyValues,
  MAX_VALUES,
  UNKNOWN_FIELD,
} from './request-bounds.js';

/** Elements of a list that are validated at a time: their errors alone can fill a response. */
const CHUNK = MAX_ERRORS;

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
 * Fields that are named like a property that every object inherits. The libraries behind the pipe drop them silently; to a
 * client they are unknown fields like any other. The body parser has bounded the depth.
 */
function inheritedNames(value: object, parent = '', found: FieldError[] = []): FieldError[] {
  for (const [name, content] of Object.entries(value)) {
    if (found.length > MAX_ERRORS) break;
    if (name in Object.prototype || name === 'prototype') {
      found.push({ field: fieldPath(parent, name), message: UNKNOWN_FIELD });
    }
    if (typeof content === 'object' && content !== null)
      inheritedNames(content, fieldPath(parent, name), found);
  }
  return found;
}

/**
 * Checks bodies and queries against their classes before any other code sees them. One response names every wrong or
 * unknown field, up to a limit.
 *
 * Validation runs on the event loop that serves every other request, so its cost is bounded: sizes are checked before
 * elements, and it stops once there are as many errors as a response names.
 */
export class RequestValidationPipe extends ValidationPipe {
  /** The result of an empty query, the most common one: the defaults of its class. */
  private readonly emptyQueries = new Map<Type, object>();

  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      exceptionFactory: (errors) => Problem.invalidRequest(flatten(errors)),
    });
    cacheRules();
  }

  override async transform(received: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const value =
      metadata.type === 'query' &&
      isDto(metadata.metatype) &&
      typeof received === 'object' &&
      received !== null
        ? gatherMembers(received, metadata.metatype)
        : received;
    if (metadata.type === 'body' && isDto(metadata.metatype) && !isObject(value)) {
      throw Problem.invalidRequest([{ field: '', message: 'the body must be a JSON object' }]);
    }
    if (metadata.type !== 'param' && isDto(metadata.metatype)) refuseExcess(value, metadata.metatype);
    if (metadata.type === 'query' && isDto(metadata.metatype) && isEmpty(value)) {
      return this.transformEmptyQuery(metadata.metatype);
    }
    return super.transform(value, metadata);
  }

  /** Every rule of the service is synchronous. */
  protected override validate(object: object, options: ValidatorOptions): ValidationError[] {
    const lists = Object.entries(object).filter(([, content]) => Array.isArray(content)) as [
      string,
      unknown[],
    ][];
    const longest = Math.max(0, ...lists.map(([, list]) => list.length));
    const errors = validateSync(withChunk(object, lists, 0), options);
    for (let start = CHUNK; start < longest && flatten(errors).length <= MAX_ERRORS; start += CHUNK) {
      const chunk = lists.filter(([, list]) => list.length > start);
      const found = validateSync(withChunk(object, chunk, start), options)
        .filter(({ property }) => chunk.some(([name]) => name === property))
        .map((error) => shifted(error, start, errors));
      errors.push(...found);
    }
    return errors;
  }

  /** Lists from the JSON parser have no gaps, */
  protected override closeArrayGaps(): void {}

  /** holds no binary values, */
  protected override findNestedBinaryValues(): ValidationError[] {
    return [];
  }

  /** and fields named like those of Object.prototype were refused before. */
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

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw Problem.invalidRequest(errors);
}

/** Refuses input that is expensive to copy and check, with the most precise reason first. */
function refuseExcess(value: unknown, type: Type): void {
  if (typeof value !== 'object' || value === null) return;
  refuse(findExcess(value, type));
  if (hasTooManyValues(value)) {
    refuse([{ field: '', message: `the request must have at most ${MAX_VALUES} values` }]);
  }
  refuse(inheritedNames(value));
  emptyUnexpected(value, type);
}

/** The object with a chunk of some of its lists in place of all of them. */
function withChunk(object: object, lists: readonly [string, unknown[]][], start: number): object {
  const chunks = Object.fromEntries(lists.map(([name, list]) => [name, list.slice(start, start + CHUNK)]));
  return Object.assign(Object.create(Object.getPrototypeOf(object) as object) as object, object, chunks);
}

/** An error of a chunk, renumbered to the whole list; errors of the list itself are reported once. */
function shifted(
  error: ValidationError,
  start: number,
  earlier: readonly ValidationError[],
): ValidationError {
  const isKnown = earlier.some(({ property, constraints }) => property === error.property && constraints);
  const children = error.children?.map((child) =>
    Object.assign(new ValidationError(), child, { property: String(Number(child.property) + start) }),
  );
  return Object.assign(new ValidationError(), error, { children }, isKnown && { constraints: undefined });
}

function isDto(metatype: Type | undefined): metatype is Type {
  return metatype !== undefined && metatype !== Object;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** An absent body counts as an empty object; the fields' rules decide whether that is enough. */
function isObject(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value));
}
