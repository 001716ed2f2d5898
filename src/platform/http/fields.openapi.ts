import type { Type } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';

/** Documents a field of a response that is always there; or may be null; or may be absent. */
type FieldKind<Documented extends unknown[]> = Record<'nullable' | 'optional', Field<Documented>> &
  Field<Documented>;
type Field<Documented extends unknown[]> = (...documented: Documented) => PropertyDecorator;

function fieldKind<Documented extends unknown[]>(
  schema: ApiPropertyOptions,
  read: (...documented: Documented) => ApiPropertyOptions,
): FieldKind<Documented> {
  const variant =
    (presence: object): Field<Documented> =>
    (...documented) =>
      ApiProperty({ ...schema, ...presence, ...read(...documented) } as ApiPropertyOptions);
  return Object.assign(variant({}), {
    nullable: variant({ nullable: true }),
    optional: variant({ required: false }),
  });
}

const withExample = (example: unknown, description?: string, more?: object): ApiPropertyOptions => ({
  example,
  ...(description !== undefined && { description }),
  ...more,
});

/** The id and the time in all examples. */
export const EXAMPLE_ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
export const EXAMPLE_TIME = '2026-11-21T20:53:23.456Z';

/** Ids and times have the same example everywhere; see openapi-examples.ts. */
const withoutExample = (description?: string, more?: object): ApiPropertyOptions => ({
  ...(description !== undefined && { description }),
  ...more,
});

export const Text = fieldKind({ type: 'string' }, withExample);
export const Integer = fieldKind({ type: 'integer' }, withExample);
/** From 0, and from 1. */
export const Count = fieldKind({ type: 'integer', minimum: 0 }, withExample);
export const Positive = fieldKind({ type: 'integer', minimum: 1 }, withExample);
export const Decimal = fieldKind({ type: 'number' }, withExample);
export const Flag = fieldKind({ type: 'boolean' }, withExample);
export const Uuid = fieldKind({ type: 'string', format: 'uuid' }, withoutExample);
export const Time = fieldKind({ type: 'string', format: 'date-time' }, withoutExample);
/** One of a few names; an object of a class; a list of such objects. */
export const OneOf = fieldKind({}, (names: readonly string[], description?: string, more?: object) =>
  withoutExample(description, { enum: names, ...more }),
);
export const ObjectOf = fieldKind({}, (type: Type, description?: string) =>
  withoutExample(description, { type }),
);
export const ListOf = fieldKind({}, (type: Type, description?: string, more?: object) =>
  withoutExample(description, { type: [type], ...more }),
);
