import { gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';
import { anyPlace, define, type Draft, type Mutation, named } from './draft.ts';
import { nastyName, nastyValue } from './values.ts';

/** Above every limit of the service. */
const TOO_MANY_BYTES = 110 * 1024;
type Container = Record<string, unknown> | unknown[];

/** Every object and list in a value. */
function containersIn(value: unknown): Container[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value as Container, ...Object.values(value).flatMap(containersIn)];
}

/** Changes one member of one object or list anywhere in the body. */
function atSomePlace(change: (container: Container, key: string) => void): (place: number) => Mutation {
  return (place) => (draft) => {
    const places = containersIn(draft.json).flatMap((container) =>
      Object.keys(container).map((key) => [container, key] as const),
    );
    const chosen = places[place % places.length];
    if (chosen) change(...chosen);
    else draft.json = { [place]: place };
    return draft;
  };
}

const bodyText = ({ json }: Draft): string => (json === undefined ? '{}' : JSON.stringify(json));

const withText =
  (change: (text: string) => string): Mutation =>
  (draft) => ({
    ...draft,
    rawBody: Buffer.from(change(bodyText(draft))),
  });

/** A number with a valid JSON form that JavaScript can't represent. */
const HUGE_NUMBERS = [
  '1e400',
  '-1e400',
  '9'.repeat(400),
  '0.'.padEnd(400, '1'),
  '123456789012345678901234567890',
];

export const BODY_MUTATIONS: Arbitrary<Mutation>[] = [
  named(
    'another value',
    fc
      .tuple(anyPlace, nastyValue)
      .map(([place, value]) => atSomePlace((container, key) => define(container, key, value))(place)),
  ),
  named(
    'a member missing',
    anyPlace.map(atSomePlace((container, key) => void Reflect.deleteProperty(container, key))),
  ),
  named(
    'an additional member',
    fc.tuple(anyPlace, nastyName, nastyValue).map(([place, name, value]): Mutation => (draft) => {
      const containers = containersIn(draft.json);
      const container = containers[place % Math.max(1, containers.length)];
      if (container) define(container, name, value);
      return draft;
    }),
  ),
  named(
    'another body',
    nastyValue.map((json): Mutation => (draft) => ({ ...draft, json })),
  ),
  named(
    'no body',
    fc.constant<Mutation>((draft) => ({ ...draft, json: undefined })),
  ),
  named('the body twice', fc.constant(withText((text) => text + text))),
  named(
    'a body cut off',
    anyPlace.map((place) => withText((text) => text.slice(0, place % Math.max(1, text.length)))),
  ),
  named(
    'a key twice',
    fc
      .tuple(nastyName, nastyValue)
      .map(([name, value]) =>
        withText((text) =>
          text.replace(
            '{',
            `{${JSON.stringify(name)}:1,${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'},`,
          ),
        ),
      ),
  ),
  named(
    'an escaped __proto__',
    fc.constant(withText((text) => text.replace('{', String.raw`{"\u005f_proto__":{"polluted":true},`))),
  ),
  named(
    'a huge number',
    fc
      .constantFrom(...HUGE_NUMBERS)
      .map((number) => withText((text) => text.replace(/:\s*[\d.]+/, `:${number}`))),
  ),
  named(
    'deep nesting',
    fc.constantFrom('[', '{"a":').map((open) => withText(() => open.repeat(20_000))),
  ),
  named(
    'no JSON',
    fc
      .uint8Array({ maxLength: 60 })
      .map((bytes): Mutation => (draft) => ({ ...draft, rawBody: Buffer.from(bytes) })),
  ),
  named(
    'no UTF-8',
    fc.constant<Mutation>((draft) => ({
      ...draft,
      rawBody: Buffer.from(
        bodyText(draft).replace(/"[^"]*":"/, (member) => `${member}\u00ff`),
        'latin1',
      ),
    })),
  ),
  named('a byte order mark', fc.constant(withText((text) => `\ufeff${text}`))),
  named(
    'UTF-16',
    fc.constant<Mutation>((draft) => ({ ...draft, rawBody: Buffer.from(bodyText(draft), 'utf16le') })),
  ),
  named('a body too large', fc.constant(withText((text) => text + ' '.repeat(TOO_MANY_BYTES)))),
  named(
    'a compressed bomb',
    fc.constant<Mutation>((draft) => ({
      ...draft,
      rawBody: gzipSync(Buffer.alloc(10_000_000, ' ')),
      headers: { ...draft.headers, 'content-encoding': 'gzip' },
    })),
  ),
];
