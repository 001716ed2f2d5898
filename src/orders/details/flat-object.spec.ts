import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  flatObjectError,
  flatPatchError,
  MAX_FLAT_OBJECT_BYTES,
  MAX_KEY_LENGTH,
  MAX_KEYS,
  MAX_VALUE_LENGTH,
} from './flat-object.js';

const withKeys = (count: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, value]));

const scalars = fc.oneof(
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.stringMatching(/^[a-z0-9äß日 ]{0,50}$/u),
);

describe('a flat object', () => {
  it('holds text, numbers and booleans under keys of the client', () => {
    const keys = fc.stringMatching(/^[a-z][a-zA-Z0-9_.-]{0,30}$/);
    fc.assert(
      fc.property(fc.dictionary(keys, scalars, { maxKeys: MAX_KEYS }), (value) => {
        expect(flatObjectError(value)).toBeUndefined();
      }),
    );
  });

  it('may be as large as the limits', () => {
    expect(flatObjectError({})).toBeUndefined();
    expect(flatObjectError(withKeys(MAX_KEYS))).toBeUndefined();
    expect(flatObjectError({ ['k'.repeat(MAX_KEY_LENGTH)]: 'v'.repeat(MAX_VALUE_LENGTH) })).toBeUndefined();
  });

  it.each([
    ['text', 'text', /object/],
    ['null', null, /object/],
    ['a list', [1], /object/],
    ['too many keys', withKeys(MAX_KEYS + 1), /keys/],
    ['an empty key', { '': 1 }, /keys/],
    ['a long key', { ['k'.repeat(MAX_KEY_LENGTH + 1)]: 1 }, /keys/],
    ['a control character in a key', { 'a\u0000': 1 }, /keys/],
    ['half a character in a key', { '\ud800': 1 }, /keys/],
    ['an object in it', { a: {} }, /values/],
    ['a list in it', { a: [] }, /values/],
    ['null in it', { a: null }, /values/],
    ['a number beyond all numbers', { a: Infinity }, /values/],
    ['long text', { a: 'v'.repeat(MAX_VALUE_LENGTH + 1) }, /values/],
    ['a control character', { a: 'b\u0007' }, /values/],
    ['half a character', { a: '\udc00' }, /values/],
    ['too many bytes', withKeys(MAX_KEYS, 'ä'.repeat(200)), new RegExp(String(MAX_FLAT_OBJECT_BYTES))],
  ])('is refused: %s', (_what, value, message) => {
    expect(flatObjectError(value)).toMatch(message);
  });
});

describe('a change of a flat object', () => {
  const removed = (count: number) => withKeys(count, null);
  const setKeys = Object.fromEntries(Object.keys(withKeys(MAX_KEYS)).map((key) => [`new-${key}`, 1]));

  it('may remove as many keys as an object has, and set as many', () => {
    expect(flatPatchError({ a: null, b: 1 })).toBeUndefined();
    expect(flatPatchError({ ...removed(MAX_KEYS), ...setKeys })).toBeUndefined();
  });

  it.each([
    ['null', null, /object/],
    ['a list', [], /object/],
    ['too many keys to remove', removed(MAX_KEYS + 1), /keys/],
    ['too many keys to set', withKeys(MAX_KEYS + 1), /keys/],
    ['too many keys in all', { ...removed(2 * MAX_KEYS), more: 1 }, /keys/],
    ['a long key to remove', { ['k'.repeat(MAX_KEY_LENGTH + 1)]: null }, /keys/],
    ['half a character in a key to remove', { '\ud800': null }, /keys/],
    ['an object in it', { a: {} }, /values/],
  ])('is refused: %s', (_what, value, message) => {
    expect(flatPatchError(value)).toMatch(message);
  });
});
