import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { AddressStore, CallerStore, MAX_CALLERS, MAX_NETWORKS, WINDOW_MS } from './rate-limit-store.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Counts one request. @returns how many there were, and what is left of the window */
function count(store: AddressStore | CallerStore, key: string): { current: number; ttl: number } {
  let answer: { current: number; ttl: number } | undefined;
  store.incr(key, (_error, result) => (answer = result));
  if (!answer) throw new Error('the store has not answered');
  return answer;
}

/** The n-th address of 10.0.0.0/8, or one in the n-th /24 of 20.0.0.0/8 and the networks after it. */
function addressIn(n: number, bits: 24 | 32): string {
  const [high, middle, low] = [n >> 16, (n >> 8) & 0xff, n & 0xff];
  return bits === 32 ? `10.${high}.${middle}.${low}` : `${20 + high}.${middle}.${low}.1`;
}

describe.each([
  ['addresses', () => new AddressStore(), '192.0.2.1', '192.0.2.2'],
  ['authenticated callers', () => new CallerStore(), 'key:shop', 'customer:1'],
])('the counts of %s', (_what, create, first, second) => {
  it('last until the window ends', () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const store = create();
    expect(count(store, first)).toEqual({ current: 1, ttl: WINDOW_MS });
    clock.mockReturnValue(1_000 + WINDOW_MS - 1);
    expect(count(store, first)).toEqual({ current: 2, ttl: 1 });
    expect(count(store, second).current).toBe(1);
    clock.mockReturnValue(1_000 + WINDOW_MS);
    expect(count(store, first)).toEqual({ current: 1, ttl: WINDOW_MS });
    expect(store.size).toBe(1);
  });

  it('do not depend on a clock that can be set', () => {
    const store = create();
    count(store, first);
    jest.spyOn(Date, 'now').mockReturnValue(0);
    expect(count(store, first).ttl).toBeLessThanOrEqual(WINDOW_MS);
  });
});

describe('a full table of addresses', () => {
  it('counts new addresses by /48 and then by /32 of IPv6', () => {
    const store = new AddressStore();
    for (let n = 0; n < MAX_NETWORKS; n += 1) count(store, addressIn(n, 32));
    expect(count(store, '2001:db8:1:1::1').current).toBe(1);
    expect(count(store, '2001:db8:1:2::1').current).toBe(2);
    expect(count(store, '2001:db8:2:1::1').current).toBe(1);
    for (let n = 0; n < MAX_NETWORKS; n += 1) count(store, addressIn(n, 24));
    expect(count(store, '2001:db8:3::1').current).toBe(1);
    expect(count(store, '2001:db8:4::1').current).toBe(2);
    expect(count(store, '2001:db9:3::1').current).toBe(1);
    expect(count(store, '2001:db8:1:9::1').current).toBe(3);
    expect(count(store, addressIn(7, 32)).current).toBe(2);
    expect(store.size).toBeLessThanOrEqual(3 * MAX_NETWORKS);
  });

  it('counts new addresses by /24 and then by /16 of IPv4', () => {
    const store = new AddressStore();
    for (let n = 0; n < MAX_NETWORKS; n += 1) count(store, addressIn(n, 32));
    expect(count(store, '198.51.100.1').current).toBe(1);
    expect(count(store, '198.51.100.2').current).toBe(2);
    expect(count(store, '198.51.101.1').current).toBe(1);
    for (let n = 0; n < MAX_NETWORKS; n += 1) count(store, addressIn(n, 24));
    expect(count(store, '198.51.102.1').current).toBe(1);
    expect(count(store, '198.51.103.1').current).toBe(2);
    expect(count(store, '198.52.1.1').current).toBe(1);
  });
});

describe('a full table of authenticated callers', () => {
  it('forgets the callers that were seen least recently', () => {
    const store = new CallerStore();
    count(store, 'key:busy');
    let most = 0;
    for (let n = 0; n < 3 * MAX_CALLERS; n += 1) {
      most = Math.max(most, count(store, `customer:${n}`).current);
      if (n % 1_000 === 0) count(store, 'key:busy');
    }
    expect(most).toBe(1);
    expect(count(store, 'key:busy').current).toBe(2 + (3 * MAX_CALLERS) / 1_000);
    expect(store.size).toBeLessThanOrEqual(2 * MAX_CALLERS);
    expect(count(store, 'customer:0').current).toBe(1);
  });
});
