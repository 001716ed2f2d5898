import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findRepeatedKey } from './repeated-keys.js';

describe('a name that an object has twice', () => {
  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"b":{"c":1,"c":1}}', 'b.c'],
    ['{"items":[{"q":1},{"q":1,"q" \n: 2}]}', 'items[1].q'],
    ['[[1,2],[{"a":1,"a":1}]]', '[1][0].a'],
    [String.raw`{"a":1,"\u0061":2}`, 'a'],
    [String.raw`{"a\"b":1,"a\"b":2}`, 'a"b'],
    ['{"":1,"":2}', ''],
    ['{"a":{"x":1},"b":"x","a":0}', 'a'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ])('is found: %s', (json, where) => expect(findRepeatedKey(json)).toBe(where));

  it.each([
    '{}',
    '[]',
    '"a"',
    '1',
    '{"a":"a","b":["a","a"]}',
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    String.raw`{"a":"\"a\":1,\"a\":2"}`,
    String.raw`{"a\\":1,"a":"\\"}`,
  ])('is not found where there is none: %s', (json) => expect(findRepeatedKey(json)).toBeUndefined());

  it('is never found in what JSON.stringify has written', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(4), (json, indent) => {
        expect(findRepeatedKey(JSON.stringify(JSON.parse(json), undefined, indent))).toBeUndefined();
      }),
    );
  });

  it('is always found where one was put in', () => {
    const name = fc.string();
    fc.assert(
      fc.property(name, fc.jsonValue(), fc.jsonValue(), (key, first, second) => {
        const entry = JSON.stringify(key);
        const json = `[{${entry}:${JSON.stringify(first)},"other-${key.length}":{},${entry}:${JSON.stringify(second)}}]`;
        fc.pre(isValid(json) && key !== `other-${key.length}`);
        expect(findRepeatedKey(json)).toBe(`[0].${key}`);
      }),
    );
  });
});

function isValid(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
