import type { OpenAPIObject } from '@nestjs/swagger';

type Schema = Exclude<
  NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string],
  { $ref: string }
>;

/** Values of fields that have no example of their own, by their format. */
const BY_FORMAT: Record<string, string> = {
  uuid: '01a1ffe2-9b80-748a-ba30-787d85a2b441',
  'date-time': '2026-11-21T20:53:23.456Z',
};

/**
 * An example of a schema, made from those of its fields. Fields that may be absent are left out; fields that may be null, and have
 * no example of their own, are null.
 *
 * @param name for the error
 * @throws {Error} when a required field has neither an example nor a value that can be derived
 */
export function exampleOf(document: OpenAPIObject, schema: Schema | { $ref: string }, name: string): unknown {
  if ('$ref' in schema) {
    const referenced = document.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''];
    if (!referenced) throw new Error(`there is no schema ${schema.$ref}`);
    return exampleOf(document, referenced, name);
  }
  if (schema.example !== undefined) return schema.example;
  if (Array.isArray(schema.type) || schema.oneOf) return null;
  const [only] = schema.allOf ?? [];
  if (only) return exampleOf(document, only, name);
  if (schema.items) return [exampleOf(document, schema.items, name)];
  if (schema.properties) {
    const required = Object.entries(schema.properties).filter(([field]) => schema.required?.includes(field));
    return Object.fromEntries(
      required.map(([field, of]) => [field, exampleOf(document, of, `${name}.${field}`)]),
    );
  }
  const value: unknown = schema.enum?.[0] ?? BY_FORMAT[schema.format ?? ''];
  if (value === undefined) throw new Error(`${name} needs an example: ${JSON.stringify(schema)}`);
  return value;
}
