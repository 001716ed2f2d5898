import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { containing, foldText, hasTrigram, searchTextOf } from './search-text.js';

const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

const order = (more: Partial<Parameters<typeof searchTextOf>[0]> = {}) => ({
  id: ID,
  customerName: 'Zoë Łukasz',
  customerEmail: 'Zoe@Example.com',
  number: 'A-1042',
  sourceOrderId: '402-77',
  products: ['P1', 'USB  Cable', 'P1', null],
  ...more,
});

describe('folding', () => {
  it.each([
    ['case', 'ANNA', 'anna'],
    ['accents', 'Žoë Çelik', 'zoe celik'],
    ['accents as marks of their own', 'Zoe\u{308}', 'zoe'],
    ['strokes', 'Łódź Sørensen Đặng', 'lodz sorensen dang'],
    ['ligatures', 'ﬁne Æsop œuvre', 'fine aesop oeuvre'],
    ['sharp s', 'Straße', 'strasse'],
    ['capital sharp s', 'STRAẞE', 'strasse'],
    ['the dotless and the dotted i', 'Iıİi', 'iiii'],
    ['Greek with the final sigma', 'Όμηρος', 'ομηροσ'],
    ['Cyrillic', 'Андрей Ёжик', 'андреи ежик'],
    ['Hebrew points', 'שָׁלוֹם', 'שלום'],
    ['Arabic vowels', 'مُحَمَّد', 'محمد'],
    ['full width', 'Ｔｏｋｙｏ　１２', 'tokyo 12'],
    ['half width', 'ｶﾞ', 'ガ'],
    ['Japanese voicing, which makes another letter', 'がか', 'がか'],
    ['Korean', '한국', '한국'],
    ['Devanagari, whose vowel signs stay', 'हिन्दी', 'हिन्दी'],
    ['invisible characters', 'an\u{200B}na\u{AD}', 'anna'],
    ['spaces', ' a \t b\u{A0}c\n', 'a b c'],
  ])('unites texts that differ in %s', (_what, text, folded) => {
    expect(foldText(text)).toBe(folded);
  });

  it('of a folded text changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(foldText(foldText(text))).toBe(foldText(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not depend on case or on the normalization form', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom('NFC', 'NFD', 'NFKC', 'NFKD'),
        (text, form) => {
          const folded = foldText(text);
          expect(foldText(text.normalize(form))).toBe(folded);
          expect(foldText(text.toUpperCase())).toBe(folded);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('keeps a fragment a fragment', () => {
    const words = fc.array(fc.constantFrom(...'aÄßΣςñłЙ日が한 1@.-_%\\'), { maxLength: 8 });
    fc.assert(
      fc.property(words, words, words, (before, fragment, after) => {
        const whole = [...before, ...fragment, ...after].join('');
        expect(foldText(whole)).toContain(foldText(fragment.join('')));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('search text of an order', () => {
  it('has each value once, folded, on a line of its own', () => {
    expect(searchTextOf(order())).toBe(`${ID}\nzoe lukasz\nzoe@example.com\na-1042\n402-77\np1\nusb cable`);
  });

  it('of an order without personal data has the rest', () => {
    const anonymous = order({ customerName: null, customerEmail: null, sourceOrderId: null, products: null });
    expect(searchTextOf(anonymous)).toBe(`${ID}\na-1042`);
  });

  it('is bounded, and well-formed where it is cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 9_950, max: 10_050 }), (length) => {
        const text = searchTextOf(order({ products: ['x'.repeat(length) + '𠮷'.repeat(100)] }));
        expect(text.isWellFormed()).toBe(true);
        expect(text.length).toBeLessThanOrEqual(10_000);
      }),
    );
  });
});

it('a pattern of LIKE has no wildcards but its own', () => {
  expect(containing(String.raw`50%_\a`)).toBe(String.raw`%50\%\_\\a%`);
});

it.each([
  ['ann', true, true],
  ['an', false, false],
  ['a-b-c', false, false],
  ['x@abc', true, true],
  ['c7@e', true, true],
  ['анн', true, false],
  ['日本', false, false],
])('%j has a trigram: %s, in a locale of ASCII: %s', (fragment, isUnicode, isAscii) => {
  expect([hasTrigram(fragment, true), hasTrigram(fragment, false)]).toEqual([isUnicode, isAscii]);
});
