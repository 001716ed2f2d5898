import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findJsonExcess, MAX_DEPTH, MAX_NAMES } from './json-bounds.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `"k${n}"`);
const objectOf = (entries: string[], separator = ':'): string =>
  `{${entries.map((name) => `${name}${separator}1`).join(',')}}`;

describe('bounds of JSON', () => {
  it('count different names, wherever they are', () => {
    expect(findJsonExcess(objectOf(names(MAX_NAMES)))).toBeUndefined();
    const excess = `the body must have at most ${MAX_NAMES} different field names`;
    expect(findJsonExcess(objectOf(names(MAX_NAMES + 1)))).toBe(excess);
    expect(findJsonExcess(objectOf(names(MAX_NAMES + 1), ' \n\t\r:'))).toBe(excess);
    const one = names(MAX_NAMES + 1).map((name) => `{${name}:{}}`);
    expect(findJsonExcess(`[${one.join(',')}]`)).toBe(excess);
  });

  it('do not count values and repeated names', () => {
    expect(findJsonExcess(`[${names(10_000).join(',')}]`)).toBeUndefined();
    expect(findJsonExcess(`[${'{"a":"b"},'.repeat(10_000)}{}]`)).toBeUndefined();
  });

  it('count levels', () => {
    expect(findJsonExcess('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH))).toBeUndefined();
    expect(findJsonExcess('{"a":'.repeat(MAX_DEPTH + 1))).toBe('the body is nested too deeply');
    expect(findJsonExcess(`["${'['.repeat(100)}\\"${'{'.repeat(100)}"]`)).toBeUndefined();
  });

  it('are found in any text, also in text that is not JSON', () => {
    const character = fc.constantFrom(...'{}[]":,\\ a1');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 60 }), (text) => {
        expect([undefined, 'the body is nested too deeply']).toContain(findJsonExcess(text));
      }),
    );
  });
});
