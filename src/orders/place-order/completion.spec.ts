import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ReserveOutcome } from '../order.ports.js';
import { completionOf, sameForAll } from './completion.js';

const KINDS = ['held', 'refused', 'notAttempted', 'unknown'] as const;

function outcome(line: number, kind: (typeof KINDS)[number]): ReserveOutcome {
  return kind === 'refused' || kind === 'unknown'
    ? { line, outcome: kind, reason: kind }
    : { line, outcome: kind };
}

const items = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    productId: `P${index + 1}`,
    quantity: index + 1,
  }));

const outcomesOf = (kinds: readonly (typeof KINDS)[number][]) =>
  kinds.map((kind, index) => outcome(index + 1, kind));

describe('completion of a placement', () => {
  it('confirms an order only when every line is held', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 20 }), (kinds) => {
        const { to } = completionOf(outcomesOf(kinds), items(kinds.length));
        expect(to === 'confirmed').toBe(kinds.every((kind) => kind === 'held'));
      }),
    );
  });

  it('never takes an unknown line for one without held units', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 20 }), (kinds) => {
        const { inDoubt, released } = completionOf(outcomesOf(kinds), items(kinds.length));
        const unknown = kinds.flatMap((kind, index) => (kind === 'unknown' ? [index + 1] : []));
        expect(inDoubt).toEqual(unknown);
        expect(released.filter((line) => unknown.includes(line))).toEqual([]);
      }),
    );
  });

  it('rejects an order with a refused line, and names each refused line', () => {
    expect(completionOf(outcomesOf(['held', 'refused', 'notAttempted']), items(3))).toEqual({
      to: 'rejected',
      reason: 'refused',
      released: [2, 3],
      inDoubt: [],
      shortages: [{ product_id: 'P2', requested: 2, reason: 'refused' }],
    });
  });

  it('fails an order with an unknown line, which is in doubt', () => {
    expect(completionOf(outcomesOf(['held', 'unknown']), items(2))).toMatchObject({
      to: 'failed',
      inDoubt: [2],
    });
  });

  it('leaves no line in doubt that was certainly not asked for', () => {
    expect(completionOf(outcomesOf(['held', 'notAttempted']), items(2))).toMatchObject({
      to: 'failed',
      released: [2],
      inDoubt: [],
    });
  });

  it('leaves every line in doubt when every outcome is unknown', () => {
    const outcomes = sameForAll(items(2), 'unknown', 'a crash');
    expect(completionOf(outcomes, items(2))).toMatchObject({ to: 'failed', inDoubt: [1, 2], released: [] });
  });
});
