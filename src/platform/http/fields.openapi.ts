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

/** Ids and times have the same example everywhere; see openapi-examples.ts. */
const withoutExample = (description?: string): ApiPropertyOptions =>
  description === undefined ? {} : { description };

export const Text = fieldKind({ type: 'string' }, withExample);
export const Integer = fieldKind({ type: 'integer' }, withExample);
/** From 0, and from 1. */
export const Count = fieldKind({ type: 'integer', minimum: 0 }, withExample);
export const Positive = fieldKind({ type: 'integer', minimum: 1 }, withExample);
export const Decimal = fieldKind({ type: 'number' }, withExample);
export const Uuid = fieldKind({ type: 'string', format: 'uuid' }, withoutExample);
export const Time = fieldKind({ type: 'string', format: 'date-time' }, withoutExample);
