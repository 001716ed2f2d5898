import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type FingerprintLayout, fingerprintOf } from './fingerprint.js';

const LAYOUT: FingerprintLayout = ['name', ['lines', ['id', 'count']]];

const REQUEST = { name: 'Alice', lines: [{ id: 'a', count: 1 }, { id: 'b' }] };

/** Fields that the layout does not name, as a later release adds them. */
const newFields = fc.dictionary(
  fc.stringMatching(/^new_[a-z]{1,5}$/),
  fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()), fc.dictionary(fc.string(), fc.string())),
  { minKeys: 1 },
);

const ofRequest = (more: object) => fingerprintOf({ ...REQUEST, ...more }, LAYOUT);
const ofLine = (more: object) => fingerprintOf({ ...REQUEST, lines: [{ id: 'a', ...more }] }, LAYOUT);

function reversed<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).toReversed()) as T;
}

describe('fingerprint of a request', () => {
  it('changes with any new field, of the request or of an element of a list', () => {
    fc.assert(
      fc.property(newFields, (fields) => {
        const changed = { ...fields, new_field: 'changed' };
        const all = [{}, fields, changed].flatMap((more) => [ofRequest(more), ofLine(more)]);
        expect(new Set(all).size).toBe(6);
      }),
    );
  });

  it('does not depend on the order of fields', () => {
    fc.assert(
      fc.property(newFields, (more) => {
        const nested = { ...REQUEST, ...more, address: more };
        const other = reversed({ ...REQUEST, ...more, address: reversed(more) });
        expect(fingerprintOf(other, LAYOUT)).toBe(fingerprintOf(nested, LAYOUT));
      }),
    );
  });

  it('does not change while a new field is absent', () => {
    const absent = {
      ...REQUEST,
      remark: undefined,
      lines: [{ id: 'a', count: 1, remark: undefined }, { id: 'b' }],
    };
    expect(fingerprintOf(absent, LAYOUT)).toBe(fingerprintOf(REQUEST, LAYOUT));
  });

  it('differs between operations', () => {
    expect(fingerprintOf(REQUEST, LAYOUT, 'bulk')).not.toBe(fingerprintOf(REQUEST, LAYOUT));
  });
});
