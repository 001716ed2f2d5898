import { describe, expect, it } from '@jest/globals';
import { correctOffset } from './database-clock.js';

describe('the offset of the database clock', () => {
  it('is kept where the measurement permits it, however slow the round trip was', () => {
    expect(correctOffset(1_000, 1_150, 100, 900)).toBe(1_000);
  });

  it.each([
    [5_000, 1_050],
    [-5_000, 1_040],
  ])('moves from %d to the nearest bound of the measurement, %d', (offset, corrected) => {
    expect(correctOffset(offset, 1_150, 100, 110)).toBe(corrected);
  });
});
