import fc, { type Arbitrary } from 'fast-check';
import { apiDocument, type Schema } from '../support/contract/document.ts';

/** Enough to have several; mutations for large requests try the largest allowed number. */
const MANY_ITEMS = 3;
const LONG_TEXT = 40;
const MAX_CENTS = 1_000_000;

/** Weight of the example of the document, because only consistent values pass the first checks. */
const WEIGHT_OF_EXAMPLE = 4;

/** Values that conform to a schema of the document. */
export function valueOf(schema: Schema): Arbitrary<unknown> {
  const generated = generatedValue(schema);
  if (schema.example === undefined) return generated;
  return fc.oneof(
    { weight: WEIGHT_OF_EXAMPLE, arbitrary: fc.constant(schema.example) },
    { weight: 1, arbitrary: generated },
  );
}

function generatedValue(schema: Schema): Arbitrary<unknown> {
  if (schema.$ref) return valueOf(resolve(schema.$ref));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return fc.oneof(...choices.map(valueOf));
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'integer':
      return fc.integer(boundsOf(schema));
    case 'number':
      // Amounts of money, which have two decimals in most currencies.
      return fc
        .integer({ min: Math.max(-MAX_CENTS, Math.ceil((schema.minimum ?? 0) * 100)), max: MAX_CENTS })
        .map((cents) => cents / 100);
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(schema.items ? valueOf(schema.items) : fc.jsonValue(), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? MANY_ITEMS, MANY_ITEMS)),
      });
    case 'object':
      return objectOf(schema);
    default:
      return textOf(schema);
  }
}

function resolve(reference: string): Schema {
  const schema = apiDocument.components.schemas[reference.split('/').at(-1) ?? ''];
  if (!schema) throw new Error(`the document has no ${reference}`);
  return schema;
}

function boundsOf({ minimum, maximum }: Schema): { min: number; max: number } {
  const min = minimum ?? Number.MIN_SAFE_INTEGER;
  return { min, max: Math.max(min, maximum ?? Number.MAX_SAFE_INTEGER) };
}

function objectOf({ properties = {}, required = [] }: Schema): Arbitrary<unknown> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valueOf(schema)]),
  );
  return fc.record(members, { requiredKeys: required, noNullPrototype: true });
}

function textOf({ format, pattern, minLength = 0, maxLength = LONG_TEXT }: Schema): Arbitrary<string> {
  if (format === 'email') return fc.emailAddress();
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (pattern) return fc.stringMatching(new RegExp(pattern));
  return fc.string({
    unit: 'grapheme',
    minLength,
    maxLength: Math.max(minLength, Math.min(maxLength, LONG_TEXT)),
  });
}

const LONG = 10_000;

/** Texts that have broken programs before. */
const NASTY_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'half\udc00',
  '\u202egnol',
  '\u200b',
  '\ufeff',
  '💥',
  '👩‍👩‍👧‍👦',
  'Z̸̢͊a̷l̵g̶o̴'.repeat(5),
  'ﷺ',
  '\r\nSet-Cookie: a=b',
  '\u0007',
  '\u0085',
  "' OR '1'='1",
  "'; DROP TABLE orders; --",
  '1); SELECT pg_sleep(10); --',
  '$1',
  '\\',
  '%',
  '_',
  '%s%n',
  '%00',
  '${7*7}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../../etc/passwd',
  'a/../b',
  'a/b',
  'a?b=c',
  'a#b',
  '.',
  '..',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  'true',
  '-1',
  '0',
  '1e309',
  '9007199254740993',
  '0x10',
  '2026-02-30',
  'A'.repeat(128),
  'A'.repeat(129),
  'é'.repeat(200),
  'A'.repeat(LONG),
];

export const nastyText: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: LONG_TEXT }) },
  // Any unpaired surrogates, in any order.
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
      .map((codes) => String.fromCharCode(...codes)),
  },
);

const NASTY_NUMBERS = [
  0,
  -0,
  -1,
  0.1,
  1.005,
  0.00001,
  1e-7,
  1e21,
  1e308,
  5e-324,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 63),
  200,
  201,
  1_000_001,
  99_999_999_999.99,
];

function nestedLists(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

/** Values of any type, mostly not the expected one. */
export const nastyValue: Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: nastyText },
  { weight: 2, arbitrary: fc.constantFrom(...NASTY_NUMBERS) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { a: 1 }, { length: 1 }),
  },
  { weight: 1, arbitrary: fc.constantFrom(5, 15, 17, 100, 2_000).map(nestedLists) },
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.array(nastyText, { maxLength: 5 }) },
);

/** Names with a meaning in JavaScript or in the database, and names without one. */
export const nastyName: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'length',
    'id',
    'status',
    '$where',
    'a.b',
    'a[0]',
    '',
  ),
  nastyText,
);
