import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { referenceError } from './payment-reference.js';

describe('a payment reference', () => {
  it.each([
    'pay_8f2k',
    'ch_3MmlLrLkdIwHu7ix0snN0B15',
    // Ids of payment providers that have only digits: they begin with a digit that no card has.
    '8836183819713023',
    '1234567890',
    '01a1ffe2-9b80-748a-ba30-787d85a2b441',
    // The check digit is wrong.
    '4111111111111112',
    // Too short and too long for a card.
    '411111111110',
    '41111111111111111118',
  ])('may be %s', (reference) => {
    expect(referenceError(reference)).toBeUndefined();
  });

  it.each([
    '4111111111111111',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '４１１１１１１１１１１１１１１１',
    '5555555555554444',
    '2223003122003222',
    '378282246310005',
    '6011111111111117',
    '4222222222222',
    '6304000000000000000',
  ])('is not a card number: %s', (number) => {
    expect(referenceError(number)).toBe('must be the id of the payment, not a card number');
  });

  it('is not an e-mail address', () => {
    expect(referenceError('alice@example.com')).toBe('must not be an e-mail address');
  });

  it('is refused with exactly one of the ten check digits', () => {
    const numbers = fc
      .tuple(fc.constantFrom('2', '3', '4', '5', '6'), fc.stringMatching(/^\d{11,17}$/))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(numbers, (digits) => {
        const refused = [...'0123456789'].filter((check) => referenceError(digits + check) !== undefined);
        expect(refused).toHaveLength(1);
      }),
    );
  });
});
