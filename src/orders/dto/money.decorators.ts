import { ValidateBy } from 'class-validator';
import { MAX_DECIMALS } from '../pricing/order-pricing.js';

/** Largest price or total: a JSON number above it can't hold four decimals exactly. */
const MAX_AMOUNT = 99_999_999_999.9999;

/**
 * Schema of an amount in the OpenAPI document. The number of decimals is not part of it, because `multipleOf` is not
 * exact for decimal fractions in binary floating point: 79.99 would be invalid.
 */
export const AMOUNT_SCHEMA = { type: 'number', minimum: 0, maximum: MAX_AMOUNT } as const;

/** An amount of money: not negative, with no more decimals than any currency has. */
export function IsAmount(): PropertyDecorator {
  return ValidateBy({
    name: 'isAmount',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'number' && value >= 0 && value <= MAX_AMOUNT && decimalsOf(value) <= MAX_DECIMALS,
      defaultMessage: () =>
        `must be a number from 0 to ${MAX_AMOUNT}, with at most ${MAX_DECIMALS} digits after the point`,
    },
  });
}

/** Schema of an amount that may be negative. */
export const SIGNED_AMOUNT_SCHEMA = { type: 'number', minimum: -MAX_AMOUNT, maximum: MAX_AMOUNT } as const;

/** An amount of money that may be negative. */
export function IsSignedAmount(): PropertyDecorator {
  return ValidateBy({
    name: 'isSignedAmount',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'number' &&
        Math.abs(value) <= MAX_AMOUNT &&
        decimalsOf(Math.abs(value)) <= MAX_DECIMALS,
      defaultMessage: () =>
        `must be a number from ${-MAX_AMOUNT} to ${MAX_AMOUNT}, with at most ${MAX_DECIMALS} digits after the point`,
    },
  });
}

/** Digits after the point in the shortest form of a number: the form in which the client wrote it. */
function decimalsOf(value: number): number {
  const [, fraction = '', exponent = '0'] = /^\d+(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  return Math.max(0, fraction.length - Number(exponent));
}
