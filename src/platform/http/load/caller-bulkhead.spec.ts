import { describe, expect, it } from '@jest/globals';
import { Deadline } from '../../deadline.js';
import { BulkheadFullError, CallerBulkhead } from './caller-bulkhead.js';
import type { PermitHolder } from './permit-holder.js';

const customer = (name: string): PermitHolder => ({ name, isCustomer: true });
const staff = (name: string): PermitHolder => ({ name, isCustomer: false });
const NOW = Deadline.in(0);
const SOON = (): Deadline => Deadline.in(1_000);

/** Takes permits until one is refused. @returns how to give them back, and the reason */
async function takeAll(bulkhead: CallerBulkhead, holder: PermitHolder) {
  const leave: (() => void)[] = [];
  for (;;) {
    try {
      leave.push(await bulkhead.enter(holder, NOW));
    } catch (error) {
      if (!(error instanceof BulkheadFullError)) throw error;
      return { leave, count: leave.length, reason: error.reason };
    }
  }
}

describe('permits', () => {
  it('are shared: a quarter for a customer, most for customers together, and some left for staff', async () => {
    const bulkhead = new CallerBulkhead(16, 0);
    expect(await takeAll(bulkhead, customer('a'))).toMatchObject({ count: 4, reason: 'caller_share' });
    expect(await takeAll(bulkhead, customer('b'))).toMatchObject({ count: 4, reason: 'caller_share' });
    expect(await takeAll(bulkhead, customer('c'))).toMatchObject({ count: 4, reason: 'caller_share' });
    expect(await takeAll(bulkhead, customer('d'))).toMatchObject({ count: 2, reason: 'full' });
    expect(await takeAll(bulkhead, staff('e'))).toMatchObject({ count: 2, reason: 'full' });
    expect(bulkhead.inUse).toBe(16);
  });

  it('are left over by a caller that is no customer, for callers of all kinds', async () => {
    const bulkhead = new CallerBulkhead(16, 0);
    expect(await takeAll(bulkhead, staff('shop'))).toMatchObject({ count: 14, reason: 'full' });
    expect(await takeAll(bulkhead, customer('a'))).toMatchObject({ count: 2, reason: 'full' });
  });

  it('can be had by every caller where there is only one', async () => {
    const bulkhead = new CallerBulkhead(1, 0);
    for (const holder of [customer('a'), staff('b')]) {
      const { count, leave } = await takeAll(bulkhead, holder);
      expect(count).toBe(1);
      for (const release of leave) release();
    }
  });

  it('are released once, however often that is called, and then free for any caller', async () => {
    const bulkhead = new CallerBulkhead(4, 0);
    const { leave } = await takeAll(bulkhead, customer('a'));
    for (const release of [...leave, ...leave]) release();
    expect(bulkhead.inUse).toBe(0);
    expect(bulkhead.refusalFor(customer('a'))).toBeUndefined();
  });

  it('that are held stay when there are fewer, and the next is given when enough are back', async () => {
    const bulkhead = new CallerBulkhead(8, 0);
    const { leave } = await takeAll(bulkhead, staff('a'));
    bulkhead.resize(4);
    expect(bulkhead.refusalFor(staff('b'))).toBe('full');
    for (const release of leave.slice(0, 3)) release();
    expect(bulkhead.refusalFor(staff('b'))).toBe('full');
    leave[3]?.();
    expect(bulkhead.refusalFor(staff('b'))).toBeUndefined();
  });
});

describe('requests that wait for a permit', () => {
  it('are admitted by the number of permits that their callers hold, and then in their order', async () => {
    const bulkhead = new CallerBulkhead(8, 8);
    const { leave } = await takeAll(bulkhead, staff('busy'));
    const last = await bulkhead.enter(staff('other'), NOW);
    const admitted: string[] = [];
    const wait = async (name: string) => {
      await bulkhead.enter(staff(name), SOON());
      admitted.push(name);
    };
    const all = [wait('busy'), wait('other'), wait('new'), wait('newer')];
    for (const release of [last, ...leave.slice(0, 3)]) release();
    await Promise.all(all);
    expect(admitted).toEqual(['other', 'new', 'newer', 'busy']);
  });

  it('leave places to wait for other callers', async () => {
    const bulkhead = new CallerBulkhead(4, 8);
    const { leave } = await takeAll(bulkhead, customer('a'));
    const waiting = Array.from({ length: 4 }, () => bulkhead.enter(customer('a'), Deadline.in(50)));
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(
      outcomes.map((outcome) => 'reason' in outcome && (outcome.reason as BulkheadFullError).reason),
    ).toEqual(Array(4).fill('caller_share'));
    expect(bulkhead.refusalFor(customer('b'))).toBeUndefined();
    for (const release of leave) release();
    expect(bulkhead.inUse).toBe(0);
  });

  it('of a caller with its share do not keep a free permit from others', async () => {
    const bulkhead = new CallerBulkhead(4, 8);
    const { leave } = await takeAll(bulkhead, customer('a'));
    const second = bulkhead.enter(customer('a'), SOON());
    const other = await bulkhead.enter(customer('b'), NOW);
    expect(bulkhead.inUse).toBe(2);
    for (const release of leave) release();
    (await second)();
    other();
    expect(bulkhead.inUse).toBe(0);
  });
});
