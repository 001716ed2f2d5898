import fc, { type Arbitrary } from 'fast-check';
import { anyPlace, type Mutation, named } from './draft.ts';
import { nastyName, nastyText } from './values.ts';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'PURGE',
  'QUERY',
];

/** Path segments as they are sent. */
const SEGMENTS = [
  '%00',
  '%',
  '%zz',
  '%c0%af',
  '%2e%2e%2f',
  '..%2f..',
  '..',
  '.',
  '%252e',
  ';a=b',
  '%20',
  '%F0%9F%92%A5',
  '%ED%A0%80',
  '%e2%80%ae',
  "'%20OR%201=1--",
  '%0d%0aSet-Cookie:%20a=b',
  '__proto__',
  'constructor',
  '*',
  '~',
  '\u00ff',
  'a'.repeat(2_000),
  '%41'.repeat(600),
  '[object%20Object]',
  '{id}',
  ':id',
];

const segment = fc.oneof(
  fc.constantFrom(...SEGMENTS),
  nastyText.map((text) => encodeURIComponent(text.toWellFormed())),
);

const QUERIES = [
  '__proto__[admin]=1',
  '__proto__=1',
  'constructor=1',
  'a[b][c]=1',
  'limit[]=1',
  'limit=1&limit=2',
  'status[$ne]=x',
  '?',
  '&&&',
  '=',
  'limit',
  '%',
  '%zz=1',
  'limit=%00',
  'cursor=%ED%A0%80',
  'a=b#c',
  'limit=1;status=x',
  'customer_id=%F0%9F%92%A5',
  `x=${'a'.repeat(5_000)}`,
];

export const TARGET_MUTATIONS: Arbitrary<Mutation>[] = [
  named(
    'another method',
    fc.constantFrom(...METHODS).map((method): Mutation => (draft) => ({ ...draft, method })),
  ),
  named(
    'another segment',
    fc.tuple(anyPlace, segment).map(([place, text]): Mutation => (draft) => {
      const parts = (draft.rawPath ?? draft.operation.path).split('/');
      parts[1 + (place % (parts.length - 1))] = text;
      return { ...draft, rawPath: parts.join('/') };
    }),
  ),
  named(
    'another path',
    fc
      .constantFrom<(path: string) => string>(
        (path) => `${path}/`,
        (path) => `/${path}`,
        // ASCII only: the capital of \u00ff is U+0178, which no request line can contain.
        (path) => path.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase()),
        (path) => `${path}/..`,
        (path) => `/.${path}`,
        (path) => `${path}%2f`,
        (path) => `${path}.json`,
        () => '/',
        () => '/*',
        () => '/favicon.ico',
        () => '/.env',
      )
      .map((change): Mutation => (draft) => ({
        ...draft,
        rawPath: change(draft.rawPath ?? draft.operation.path),
      })),
  ),
  named(
    'an unusual id',
    nastyText.map((text): Mutation => (draft) => {
      for (const name of Object.keys(draft.path)) draft.path[name] = text;
      return draft;
    }),
  ),
  named(
    'another query value',
    fc.tuple(anyPlace, nastyText).map(([place, text]): Mutation => (draft) => {
      const pair = draft.query[place % Math.max(1, draft.query.length)];
      if (pair) pair[1] = text;
      else draft.query.push(['limit', text]);
      return draft;
    }),
  ),
  named(
    'an additional query parameter',
    fc
      .tuple(nastyName, nastyText)
      .map(([name, text]): Mutation => (draft) => ({ ...draft, query: [...draft.query, [name, text]] })),
  ),
  named(
    'another query',
    fc.constantFrom(...QUERIES).map((query): Mutation => (draft) => ({
      ...draft,
      rawPath: `${draft.rawPath ?? draft.operation.path}?${query}`,
    })),
  ),
];
