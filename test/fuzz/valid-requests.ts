import fc, { type Arbitrary } from 'fast-check';
import { type Operation, type Parameter } from '../support/contract/document.ts';
import { valueOf } from './values.ts';

/** A valid request in parts, which mutations can change further. */
export interface RequestParts {
  operation: Operation;
  method: string;
  path: Record<string, unknown>;
  query: [name: string, value: unknown][];
  /** Absent parameters are missing, never undefined. */
  headers: Record<string, string | undefined>;
  /** Undefined: there is no body. */
  json: unknown;
}

/** Number of orders that requests distinguish among those placed before. */
const KNOWN_ORDERS = 50;

/** Few enough that some are repeated, and enough that most have not been used before. */
const KEYS = 2_000;

const HEADER_VALUES: Record<string, Arbitrary<string>> = {
  'Idempotency-Key': fc.integer({ min: 1, max: KEYS }).map((number) => `"fuzz-${number}"`),
  Prefer: fc.constantFrom('respond-async', 'wait=1', 'return=minimal'),
  'Last-Event-ID': fc.constantFrom('812', '812-01a1ffe2-9b80-748a-ba30-787d85a2b441-3', '999999999999', 'x'),
  'If-Match': fc.constantFrom('"2"', '"3"', '*', '"1", "2"', 'W/"2"'),
  'If-None-Match': fc.constantFrom('"2"', '"3"', '*', 'W/"2"'),
};

const QUERY_VALUES: Record<string, Arbitrary<unknown>> = {
  // A longer long poll would delay the requests behind it.
  wait: fc.constantFrom(0, 1),
  // The document describes names between commas in words only.
  columns: fc.constantFrom(
    'note',
    'order_id,tax_amount',
    'number,metadata,metadata.a',
    'order_id,sku,options',
  ),
};

/** Requests that conform to the document: they are rejected only for their meaning. */
export function validRequest(operation: Operation): Arbitrary<RequestParts> {
  const { parameters = [], requestBody } = operation;
  const { schema, example, examples = {} } = Object.values(requestBody?.content ?? {})[0] ?? {};
  const values = [
    ...(example === undefined ? [] : [example]),
    ...Object.values(examples).map(({ value }) => value),
  ];
  const body = schema
    ? fc.oneof(valueOf(schema), ...values.map((value) => fc.constant(value)))
    : fc.constant(undefined);
  return fc.record({
    operation: fc.constant(operation),
    method: fc.constant(operation.method),
    path: fc.record(
      Object.fromEntries(
        runInContext(parameters, 'path').map((parameter) => [parameter.name, pathValue(parameter)]),
      ),
      { noNullPrototype: true },
    ),
    query: someOf(runInContext(parameters, 'query')),
    headers: headersOf(runInContext(parameters, 'header')),
    json: requestBody && !requestBody.required ? fc.option(body, { nil: undefined }) : body,
  });
}

function runInContext(parameters: readonly Parameter[], place: Parameter['in']): Parameter[] {
  return parameters.filter((parameter) => parameter.in === place);
}

function pathValue(parameter: Parameter): Arbitrary<unknown> {
  const knownOrder = fc.integer({ min: 0, max: KNOWN_ORDERS - 1 }).map((number) => `ORDER_${number}`);
  const others = valueOf({ ...parameter.schema, example: parameter.example });
  return fc.oneof({ weight: 2, arbitrary: knownOrder }, { weight: 1, arbitrary: others });
}

function someOf(parameters: readonly Parameter[]): Arbitrary<[string, unknown][]> {
  const values = parameters.map(({ name, schema, example }) =>
    fc.option(
      (QUERY_VALUES[name] ?? valueOf({ ...schema, example: schema.example ?? example })).map(
        (value): [string, unknown] => [name, value],
      ),
      { nil: undefined, freq: 1 },
    ),
  );
  return fc.tuple(...values).map((found) => found.filter((pair) => pair !== undefined));
}

function headersOf(parameters: readonly Parameter[]): Arbitrary<Record<string, string | undefined>> {
  const values = parameters.map(({ name, schema }) => [
    name,
    HEADER_VALUES[name] ?? valueOf(schema).map(String),
  ]);
  return fc.record(Object.fromEntries(values) as Record<string, Arbitrary<string>>, {
    requiredKeys: [],
    noNullPrototype: true,
  });
}
