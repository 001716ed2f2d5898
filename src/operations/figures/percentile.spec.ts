import { describe, expect, it } from '@jest/globals';
import { percentile } from './percentile.js';

const alike = (...values: number[]) => values.map((value) => ({ value, weight: 1 }));

describe('a percentile', () => {
  it.each([
    ['of nothing', [], 0.5, null],
    ['of one', alike(7), 0.95, 7],
    ['in the middle', alike(3, 1, 2), 0.5, 2],
    ['near the end', alike(...Array.from({ length: 100 }, (_, at) => 100 - at)), 0.95, 95],
    [
      'by weight',
      [
        { value: 1, weight: 9 },
        { value: 5, weight: 1 },
      ],
      0.5,
      1,
    ],
    [
      'by weight, beyond most',
      [
        { value: 1, weight: 9 },
        { value: 5, weight: 1 },
      ],
      0.95,
      5,
    ],
  ])('%s', (_name, values, part, expected) => {
    expect(percentile(values, part)).toBe(expected);
  });
});
