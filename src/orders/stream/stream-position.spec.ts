import { describe, expect, it } from '@jest/globals';
import { beforeTransaction, isBehind, parsePosition, toText } from './stream-position.js';

const FIRST = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
const SECOND = '01a1ffe2-9b80-748a-ba30-787d85a2b442';

const IN_ORDER = [
  beforeTransaction(9n),
  { transaction: 9n, orderId: FIRST, seq: 2 },
  { transaction: 9n, orderId: FIRST, seq: 10 },
  { transaction: 9n, orderId: SECOND, seq: 1 },
  beforeTransaction(10n),
  { transaction: 9_007_199_254_740_993n, orderId: FIRST, seq: 1 },
];

describe('a place in the stream', () => {
  it.each(IN_ORDER)('is the same when it comes back', (position) => {
    expect(parsePosition(toText(position))).toEqual(position);
  });

  it('is behind those before it, and no others', () => {
    for (const [at, one] of IN_ORDER.entries()) {
      for (const [before, other] of IN_ORDER.entries()) expect(isBehind(one, other)).toBe(at > before);
    }
  });

  it.each(['', 'x', '-1', '1.5', '1-2', `1-${FIRST}`, `1-${FIRST}-`, `1-${FIRST}-1-1`, '9'.repeat(19), ' 1'])(
    'is not what was never sent: %j',
    (text) => {
      expect(parsePosition(text)).toBeUndefined();
    },
  );
});
