import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { emailKey, isPlaceableEmail, isStorableEmail, storedEmailKey } from './email-address.js';

describe('two addresses', () => {
  it.each([
    ['case', 'Anna@Example.COM', 'anna@example.com'],
    ['a zero-width space', 'anna@example.com\u{200B}', 'anna@example.com'],
    ['a soft hyphen in the domain', 'anna@exam\u{AD}ple.com', 'anna@example.com'],
    ['a byte order mark', '\u{FEFF}anna@example.com', 'anna@example.com'],
    ['a variation selector', 'anna\u{FE0F}@example.com', 'anna@example.com'],
    ['the braille blank', 'anna\u{2800}@example.com', 'anna@example.com'],
    ['the normalization form', 'jo\u{308}rg@example.com', 'j\u{F6}rg@example.com'],
    ['case beyond ASCII', 'JÖRG@EXAMPLE.COM', 'jörg@example.com'],
    ['punycode', 'anna@MÜLLER.de', 'anna@xn--mller-kva.de'],
    ['punycode and the normalization form', 'anna@mu\u{308}ller.de', 'anna@XN--MLLER-KVA.de'],
  ])('are one if they differ in %s', (_name, one, other) => {
    expect(emailKey(one)).toBe(emailKey(other));
  });

  it.each([
    ['anna@example.com', 'anne@example.com'],
    ['anna@straße.de', 'anna@strasse.de'],
    ['аnna@example.com', 'anna@example.com'],
    ['anna@example.com', 'anna@example.org'],
  ])('are two: %s and %s', (one, other) => {
    expect(emailKey(one)).not.toBe(emailKey(other));
  });

  it('of ASCII need no stored key: it is what the database derives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        expect(storedEmailKey(text)).toBeNull();
        expect(emailKey(text)).toBe(text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
      }),
    );
  });

  it('of any characters have a key that is its own key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(emailKey(emailKey(text))).toBe(emailKey(text));
      }),
    );
  });
});

describe('an address', () => {
  it.each([
    'anna@example.com',
    'jörg@müller.de',
    'anna@例え.jp',
    `${'a'.repeat(64)}@example.com`,
    `${'ä'.repeat(32)}@example.com`,
  ])('can be placed with: %s', (address) => {
    expect(isPlaceableEmail(address)).toBe(true);
  });

  it.each([
    ['a zero-width space at the end', 'anna@example.com\u{200B}'],
    ['a soft hyphen', 'an\u{AD}na@example.com'],
    ['a Hangul filler', 'anna\u{3164}@example.com'],
    ['an ideographic space', 'anna\u{3000}@example.com'],
    ['a right-to-left override', 'anna\u{202E}@example.com'],
    ['a language tag', 'anna@example\u{E0041}.com'],
    ['a local part of 65 octets', `${'a'.repeat(65)}@example.com`],
    ['a local part of 66 octets and 33 characters', `${'ä'.repeat(33)}@example.com`],
    ['a label that is too long in punycode', `anna@${'ü'.repeat(60)}${'a'.repeat(3)}.de`],
    ['255 octets', `${'a'.repeat(64)}@${`${'b'.repeat(61)}.`.repeat(3)}cccc`],
  ])('can not be placed with if it has %s', (_name, address) => {
    expect(isPlaceableEmail(address)).toBe(false);
  });

  it.each(['anna@example.com\u{200B}', `${'a'.repeat(65)}@example.com`, 'an\u{AD}na@example.com'])(
    'of an earlier order can be looked for: %j',
    (address) => {
      expect(isStorableEmail(address)).toBe(true);
    },
  );
});
