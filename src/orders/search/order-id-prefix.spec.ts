import { describe, expect, it } from '@jest/globals';
import { orderIdsFrom } from './order-id-prefix.js';

const ID = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

describe('a text that may be the beginning of an order id', () => {
  it.each([
    [
      'the time to a minute',
      '01a1ffe2',
      '01a1ffe2-0000-0000-0000-000000000000',
      '01a1ffe2-ffff-ffff-ffff-ffffffffffff',
    ],
    [
      'up to a dash',
      '01a1ffe2-',
      '01a1ffe2-0000-0000-0000-000000000000',
      '01a1ffe2-ffff-ffff-ffff-ffffffffffff',
    ],
    [
      'within a group',
      '01A1FFE2-9b8',
      '01A1FFE2-9b80-0000-0000-000000000000',
      '01A1FFE2-9b8f-ffff-ffff-ffffffffffff',
    ],
    ['all of it', ID, ID, ID],
  ])('bounds the ids: %s', (_name, text, first, last) => {
    expect(orderIdsFrom(text)).toEqual({ first, last });
  });

  it.each(['', '01a1ffe', '01a1ffe29', 'g1a1ffe2', '01a1ffe2--', `${ID}0`, ' 01a1ffe2', '01a1ffe2%'])(
    'or none: %j',
    (text) => {
      expect(orderIdsFrom(text)).toBeUndefined();
    },
  );
});
