import { isDeepStrictEqual } from 'node:util';
import type { OpenAPIObject } from '@nestjs/swagger';
import { EXAMPLE_ID, EXAMPLE_TIME } from './platform/http/fields.openapi.js';
import { MERGE_PATCH_MEDIA_TYPE } from './platform/http/input/json-body.js';
import type { ContentObject, OperationObject } from './platform/http/openapi-objects.js';
import type { FieldError } from './platform/http/problem.js';

type Schema = Exclude<
  NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string],
  { $ref: string }
>;

type SchemaOrReference = Schema | { $ref: string };

/** Values of fields that have no example of their own, by their format. */
const BY_FORMAT: Record<string, string> = {
  uuid: EXAMPLE_ID,
  'date-time': EXAMPLE_TIME,
};

/** Bodies of JSON, and of lines of JSON. */
const JSON_TYPES = ['application/json', MERGE_PATCH_MEDIA_TYPE, 'application/x-ndjson'];

/**
 * Every JSON body gets the example that its fields have; a request gets a small and a complete one, and a response of several
 * forms one for each. An operation can have examples of its own: those of a request stay, and that of a response needs only
 * the fields that differ.
 */
export function addExamples(document: OpenAPIObject, operation: OperationObject): void {
  const { operationId = '', requestBody, responses } = operation;
  for (const [json, schema] of jsonOf(requestBody)) {
    const small: unknown = exampleOf(document, schema, operationId);
    const complete: unknown = exampleOf(document, schema, operationId, true);
    if (isDeepStrictEqual(small, complete)) json.example = small;
    else {
      json.examples ??= { small: { summary: 'No more than is needed', value: small } };
      json.examples['complete'] ??= { summary: 'Every field', value: complete };
    }
  }
  for (const [json, schema] of Object.values(responses).flatMap(jsonOf)) {
    const forms = ('oneOf' in schema ? (schema.oneOf ?? []) : []).filter((form) => '$ref' in form);
    if (forms.length > 1) {
      json.examples = Object.fromEntries(
        forms.map((form) => [nameOf(form), { value: exampleOf(document, form, operationId) }]),
      );
      continue;
    }
    const derived = exampleOf(document, schema, operationId) as object;
    json.example = { ...derived, ...(json.example as object | undefined) };
  }
}

function jsonOf(body: object | undefined): [ContentObject[string], SchemaOrReference][] {
  const { content = {} } = (body ?? {}) as { content?: ContentObject };
  return JSON_TYPES.flatMap((type) => {
    const json = content[type];
    return json?.schema ? [[json, json.schema] as [ContentObject[string], SchemaOrReference]] : [];
  });
}

/**
 * An example of a schema, made from those of its fields. Fields that may be absent are left out, unless it is complete; fields that
 * may be null, and have no example of their own, are null.
 *
 * @param name for the error
 * @throws {Error} when a field has neither an example nor a value that can be derived
 */
export function exampleOf(
  document: OpenAPIObject,
  schemaOrReference: SchemaOrReference,
  name: string,
  isComplete = false,
): unknown {
  const schema = resolve(document, schemaOrReference);
  const inPart = (part: SchemaOrReference, field = '') => exampleOf(document, part, name + field, isComplete);
  if (schema.example !== undefined) return schema.example;
  const [first] = schema.oneOf ?? schema.allOf ?? [];
  if (first && '$ref' in first) return inPart(first);
  if (Array.isArray(schema.type) || schema.oneOf) return null;
  if (first) return inPart(first);
  if (schema.items) return [inPart(schema.items)];
  if (schema.properties) {
    const { properties, required = [] } = schema;
    const fields = Object.entries(properties).filter(([field]) => isComplete || required.includes(field));
    return Object.fromEntries(fields.map(([field, of]) => [field, inPart(of, `.${field}`)]));
  }
  const value: unknown = schema.enum?.[0] ?? BY_FORMAT[schema.format ?? ''];
  if (value === undefined) throw new Error(`${name} needs an example: ${JSON.stringify(schema)}`);
  return value;
}

/** Limits of a field, each with the message about a value beyond it. The most instructive one comes first. */
const LIMITS: ((schema: Schema) => string | undefined)[] = [
  ({ minimum }) => (minimum === undefined ? undefined : `must be at least ${minimum}`),
  ({ enum: names }) => names && `must be one of ${names.join(', ')}`,
  ({ maxLength }) => (maxLength === undefined ? undefined : `must have at most ${maxLength} characters`),
];

/**
 * A field that a request of the operation has wrong.
 *
 * @throws {Error} when no field has a limit: then the operation documents an example of its own
 */
export function fieldErrorOf(document: OpenAPIObject, operation: OperationObject): FieldError {
  const { operationId, requestBody, parameters = [] } = operation;
  const [content] = requestBody && 'content' in requestBody ? Object.values(requestBody.content) : [];
  const fields = [
    ...(content?.schema ? fieldsOf(document, content.schema) : []),
    ...parameters.flatMap((parameter) =>
      'schema' in parameter && parameter.schema ? fieldsOf(document, parameter.schema, parameter.name) : [],
    ),
  ];
  for (const limit of LIMITS) {
    for (const { field, schema } of fields) {
      const message = limit(schema);
      if (message !== undefined) return { field, message };
    }
  }
  throw new Error(`${operationId} needs an example of an invalid request`);
}

/** The fields of a schema that hold single values, named as in problems: `items[0].quantity`. */
function fieldsOf(
  document: OpenAPIObject,
  schemaOrReference: SchemaOrReference,
  field = '',
): { field: string; schema: Schema }[] {
  const schema = resolve(document, schemaOrReference);
  if (schema.items) return fieldsOf(document, schema.items, `${field}[0]`);
  if (!schema.properties) return [{ field, schema }];
  return Object.entries(schema.properties).flatMap(([name, of]) =>
    fieldsOf(document, of, field === '' ? name : `${field}.${name}`),
  );
}

const nameOf = ({ $ref }: { $ref: string }): string => $ref.split('/').at(-1) ?? '';

function resolve(document: OpenAPIObject, schema: SchemaOrReference): Schema {
  if (!('$ref' in schema)) return schema;
  const referenced = document.components?.schemas?.[nameOf(schema)];
  if (!referenced) throw new Error(`there is no schema ${schema.$ref}`);
  return resolve(document, referenced);
}
