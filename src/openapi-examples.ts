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
 * An example of a schema, made from those of its fields. Fields that may be absent are left out.
 *
 * @throws {Error} when a required field has neither an example nor a value that can be derived
 */
export function exampleOf(document: OpenAPIObject, schema: Schema | { $ref: string }): unknown {
  if ('$ref' in schema) {
    const named = document.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''];
    if (!named) throw new Error(`there is no schema ${schema.$ref}`);
    return exampleOf(document, named);
  }
  if (schema.example !== undefined) return schema.example;
  const [only] = schema.allOf ?? [];
  if (only) return exampleOf(document, only);
  if (schema.items) return [exampleOf(document, schema.items)];
  if (schema.properties) {
    const required = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(required.map(([name, field]) => [name, exampleOf(document, field)]));
  }
  if (schema.nullable || schema.oneOf) return null;
  const value: unknown = schema.enum?.[0] ?? BY_FORMAT[schema.format ?? ''];
  if (value === undefined) throw new Error(`no example of ${JSON.stringify(schema)}`);
  return value;
}
