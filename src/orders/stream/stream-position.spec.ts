import { describe, expect, it } from '@jest/globals';
import {
  beforeTransaction,
  isBehind,
  ORIGIN,
  parsePosition,
  type StreamPosition,
} from './stream-position.js';

const FIRST = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
const SECOND = '01a1ffe2-9b80-748a-ba30-787d85a2b442';

const after = (transaction: bigint, orderId: string, seq: number): StreamPosition => ({
  transaction,
  orderId,
  seq,
  id: '',
});

const IN_ORDER = [
  ORIGIN,
  beforeTransaction(9n),
  after(9n, FIRST, 2),
  after(9n, FIRST, 10),
  after(9n, SECOND, 1),
  beforeTransaction(10n),
  after(9_007_199_254_740_993n, FIRST, 1),
];

describe('a position in the stream', () => {
  it.each([
    ['812-0123456789abcdef', { transaction: 812n, id: '812-0123456789abcdef' }],
    ['0', { transaction: 0n }],
    ['9007199254740993', { transaction: 9_007_199_254_740_993n }],
    [`812-${FIRST}-3`, { transaction: 812n, orderId: FIRST, seq: 3 }],
  ])('is read from %s', (text, position) => {
    expect(parsePosition(text)).toEqual(position);
  });

  it('is after those before it and no others', () => {
    for (const [at, one] of IN_ORDER.entries()) {
      for (const [before, other] of IN_ORDER.entries()) expect(isBehind(one, other)).toBe(at > before);
    }
  });

  it.each([
    '',
    'x',
    '-1',
    '1.5',
    '1-2',
    '9'.repeat(19),
    ' 1',
    '1-0123456789ABCDEF',
    '1-0123456789abcdef-1',
    `1-${FIRST}`,
    `1-${FIRST}-`,
    `1-${FIRST}-1-1`,
  ])('is never %j', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
});
