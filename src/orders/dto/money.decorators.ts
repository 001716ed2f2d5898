import { ValidateBy } from 'class-validator';
import { MAX_DECIMALS } from '../pricing/order-pricing.js';

/** No price or total reaches this: more would not fit the exact range of a JSON number with four decimals. */
const AMOUNT_LIMIT = 100_000_000_000;

/** An amount as the OpenAPI document describes it; the number of decimals is for words. */
export const AMOUNT_SCHEMA = { type: 'number', minimum: 0, maximum: AMOUNT_LIMIT } as const;

/** An amount of money: a number that is not negative, with no more decimals than any currency has. */
export function IsAmount(): PropertyDecorator {
  return ValidateBy({
    name: 'isAmount',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'number' && value >= 0 && value < AMOUNT_LIMIT && decimalsOf(value) <= MAX_DECIMALS,
      defaultMessage: () =>
        `must be a number from 0 to ${AMOUNT_LIMIT}, with at most ${MAX_DECIMALS} digits after the point`,
    },
  });
}

/** Digits after the point in the shortest form of a number: the form in which the client wrote it. */
function decimalsOf(value: number): number {
  const [, fraction = '', exponent = '0'] = /^\d+(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  return Math.max(0, fraction.length - Number(exponent));
}
