import fc, { type Arbitrary } from 'fast-check';
import { define, type Mutation, named } from './draft.ts';
import { nastyText } from './values.ts';

const CONTENT_TYPES = [
  '',
  'text/plain',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/json;;',
  'application/json, text/html',
  'APPLICATION/JSON',
  'application/merge-patch+json',
  'json',
  '/',
  '*/*',
  'application/json\t; a="b',
];

const HEADER_NAMES = [
  'accept',
  'accept-language',
  'accept-encoding',
  'content-encoding',
  'content-language',
  'cookie',
  'authorization',
  'expect',
  'forwarded',
  'host',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'origin',
  'prefer',
  'range',
  'referer',
  'te',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-http-method-override',
  'x-request-id',
  '__proto__',
  'constructor',
];

/** Characters that a client library allows in a header: Latin-1 without control characters. */
const headerText = fc.oneof(
  nastyText.map((text) =>
    Array.from(text.slice(0, 2_000), (char) => String.fromCharCode(char.charCodeAt(0) & 0xff))
      .join('')
      .replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, ''),
  ),
  fc.constantFrom(
    '""',
    '"',
    '"a',
    'W/"',
    '*',
    '*, *',
    ',,,',
    ';',
    '=',
    '"2"',
    '0',
    '-1',
    '100-continue',
    'something-else',
    'gzip',
    'br',
    'bytes=0-1',
    'a'.repeat(5_000),
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-zz-zz-01',
    'Basic Og==',
    'Bearer x.y.z',
  ),
);

export const HEADER_MUTATIONS: Arbitrary<Mutation>[] = [
  named(
    'another content type',
    fc.constantFrom(...CONTENT_TYPES).map((type): Mutation => (draft) => ({
      ...draft,
      headers: { ...draft.headers, 'content-type': type },
    })),
  ),
  named(
    'an unusual header',
    fc.tuple(fc.constantFrom(...HEADER_NAMES), headerText).map(([name, value]): Mutation => (draft) => {
      define(draft.headers, name, value);
      return draft;
    }),
  ),
  named(
    'many headers',
    fc.integer({ min: 20, max: 150 }).map((count): Mutation => (draft) => {
      for (let index = 0; index < count; index += 1) draft.headers[`x-many-${index}`] = 'x';
      return draft;
    }),
  ),
];
