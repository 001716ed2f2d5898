import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ReserveOutcome } from '../order.ports.js';
import { decide, giveUp } from './settlement.js';

const KINDS = ['held', 'refused', 'untouched', 'unknown'] as const;

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

describe('what becomes of an order', () => {
  it('is confirmed only when every line is held', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 20 }),
        fc.constantFrom('retry' as const, 'compensate' as const),
        (kinds, onUnknown) => {
          const settlement = decide(outcomesOf(kinds), items(kinds.length), onUnknown);
          const isConfirmed = settlement !== 'retry' && settlement.to === 'confirmed';
          expect(isConfirmed).toBe(kinds.every((kind) => kind === 'held'));
        },
      ),
    );
  });

  it('never takes an unknown line for one without held units', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 20 }), (kinds) => {
        const settlement = decide(outcomesOf(kinds), items(kinds.length), 'compensate');
        const unknown = kinds.flatMap((kind, index) => (kind === 'unknown' ? [index + 1] : []));
        if (settlement === 'retry') throw new Error('the placement must end with the option compensate');
        expect(settlement.inDoubt).toEqual(unknown);
        expect(settlement.released.filter((line) => unknown.includes(line))).toEqual([]);
      }),
    );
  });

  it('is rejected when a line is refused, with each refused line named', () => {
    expect(decide(outcomesOf(['held', 'refused', 'untouched']), items(3), 'retry')).toEqual({
      to: 'rejected',
      reason: 'refused',
      released: [2, 3],
      inDoubt: [],
      shortages: [{ product_id: 'P2', requested: 2, reason: 'refused' }],
    });
  });

  it('waits for an unknown line, or fails where it must not wait', () => {
    expect(decide(outcomesOf(['held', 'unknown']), items(2), 'retry')).toBe('retry');
    expect(decide(outcomesOf(['held', 'unknown']), items(2), 'compensate')).toMatchObject({
      to: 'failed',
      inDoubt: [2],
    });
  });

  it('fails without any doubt when what is missing was certainly never asked for', () => {
    expect(decide(outcomesOf(['held', 'untouched']), items(2), 'retry')).toBe('retry');
    expect(decide(outcomesOf(['held', 'untouched']), items(2), 'compensate')).toMatchObject({
      to: 'failed',
      released: [2],
      inDoubt: [],
    });
  });

  it('has every line in doubt when every outcome is unknown', () => {
    expect(giveUp(items(2), 'a crash')).toMatchObject({ to: 'failed', inDoubt: [1, 2], released: [] });
  });
});
