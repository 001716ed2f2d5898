import { describe, expect, it } from '@jest/globals';
import { compare, type Observation, widest } from './drift.js';

/** A product with 10 units before the first order. */
function observe(quantity: number | null, sold: number, held = sold, more: Partial<Observation> = {}) {
  const baseline = { quantity: 10, sold: 0, held: 0, at: new Date(0) };
  return compare({ productId: 'P', quantity, books: { sold, held }, baseline, journal: undefined, ...more });
}

describe('what is compared of a product', () => {
  it.each<[string, number | null, number, number, string, number]>([
    ['nothing happened', 10, 0, 0, 'as_expected', 0],
    ['what was sold is missing', 7, 3, 3, 'as_expected', 0],
    ['what is under way is not taken yet', 7, 3, 5, 'as_expected', 0],
    ['what is under way is taken already', 5, 3, 5, 'as_expected', 0],
    ['fewer are missing than were sold', 8, 3, 5, 'surplus', 1],
    ['stock was received', 27, 3, 3, 'surplus', 20],
    ['more are missing than the books explain', 4, 3, 5, 'missing', -1],
    ['the inventory does not know it', null, 3, 3, 'unknown_product', 0],
  ])('%s', (_name, quantity, sold, held, verdict, drift) => {
    expect(observe(quantity, sold, held)).toMatchObject({ verdict, drift });
  });

  it('counts what was under way at the time of the baseline for both', () => {
    const baseline = { quantity: 10, sold: 5, held: 7, at: new Date(0) };
    // The two units in progress had been taken at that time, or not.
    expect(observe(10, 7, 7, { baseline })).toMatchObject({ verdict: 'as_expected' });
    expect(observe(8, 7, 7, { baseline })).toMatchObject({ verdict: 'as_expected' });
    expect(observe(11, 7, 7, { baseline })).toMatchObject({ verdict: 'surplus', drift: 1 });
    expect(observe(7, 7, 7, { baseline })).toMatchObject({ verdict: 'missing', drift: -1 });
  });

  it('has nothing to be compared with at first', () => {
    expect(observe(10, 3, 3, { baseline: undefined })).toMatchObject({ verdict: 'baseline', drift: 0 });
  });

  it('trusts our own journal more than any quantity', () => {
    expect(observe(7, 3, 3, { journal: 3 })).toMatchObject({ verdict: 'as_expected' });
    expect(observe(7, 3, 3, { journal: 1 })).toMatchObject({ verdict: 'oversold', drift: 2 });
    expect(observe(7, 3, 3, { journal: 4 })).toMatchObject({ verdict: 'leaked', drift: -1 });
    expect(observe(null, 3, 3, { journal: 1, baseline: undefined })).toMatchObject({ verdict: 'oversold' });
  });

  it('allows for what changes between two readings of the books', () => {
    expect(widest({ sold: 3, held: 4 }, { sold: 5, held: 5 })).toEqual({ sold: 3, held: 5 });
  });
});
