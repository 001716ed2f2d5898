import { describe, expect, it } from '@jest/globals';
import { hasSeen, parseIdempotencyKey } from './request-headers.js';

describe('an Idempotency-Key', () => {
  it.each([
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['  "padded"  ', 'padded'],
    ['two words', 'two words'],
    ['"a, b"', 'a, b'],
    [String.raw`"say \"hi\""`, 'say "hi"'],
    [String.raw`"back\\slash"`, String.raw`back\slash`],
    [String.raw`back\slash`, String.raw`back\slash`],
    ['" "', ' '],
    [`"${'k'.repeat(255)}"`, 'k'.repeat(255)],
    [`"${String.raw`\"`.repeat(255)}"`, '"'.repeat(255)],
  ])('%s is the key %s', (header, key) => expect(parseIdempotencyKey(header)).toBe(key));

  it.each([
    '',
    ' ',
    '""',
    '"',
    '"open',
    'closed"',
    'a"b',
    'a,b',
    '"a", "b"',
    '"a";p=1',
    String.raw`"bad \escape"`,
    String.raw`"ends with \"`,
    '"clé"',
    'a\tb',
    'k'.repeat(256),
    `"${'k'.repeat(256)}"`,
  ])('%j is none', (header) => {
    expect(() => parseIdempotencyKey(header)).toThrow('Idempotency-Key must be one key');
  });

  it('may be absent', () => expect(parseIdempotencyKey(undefined)).toBeUndefined());
});

describe('If-None-Match', () => {
  it('is compared weakly, tag by tag', () => {
    expect(hasSeen('W/"1" ,"2"', 2)).toBe(true);
    expect(hasSeen('W/"2"', 2)).toBe(true);
    expect(hasSeen('"12", "21"', 2)).toBe(false);
    expect(hasSeen('', 2)).toBe(false);
    expect(hasSeen(undefined, 2)).toBe(false);
  });
});
