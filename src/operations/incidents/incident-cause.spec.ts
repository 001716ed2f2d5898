import { describe, expect, it } from '@jest/globals';
import { causeOf } from './incident-cause.js';

const ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

describe('cause of an incident', () => {
  it.each([
    ['notification service: answered 500', 'notification service: answered 500'],
    ['line 12 may still be held: inventory service: answered 503', 'inventory service: answered 503'],
    ['inventory service: no answer within 1987 ms', 'inventory service: no answer within * ms'],
    ['took longer than 1.5 s', 'took longer than * s'],
    [`event 3 of order ${ORDER} is gone`, 'event * of order * is gone'],
    ['cart service: could not be reached (EAI_AGAIN)', 'cart service: could not be reached (EAI_AGAIN)'],
  ])('of "%s" is "%s"', (reason, cause) => expect(causeOf(reason)).toBe(cause));

  it('is the cause of itself, so that the API accepts what it returns', () => {
    const cause = causeOf(`event 3 of order ${ORDER} is gone after 12.5 s`);
    expect(causeOf(cause)).toBe(cause);
  });
});
