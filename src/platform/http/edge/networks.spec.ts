import { describe, expect, it } from '@jest/globals';
import { networkOf, ONE_CUSTOMER } from './networks.js';

const SITE = { ipv6: 48, ipv4: 24 };

describe('the network of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2'],
    ['192.0.2.1:4711', '192.0.2.1', '192.0.2'],
    ['2001:DB8:1:2:3::4', '2001:db8:1:2::', '2001:db8:1::'],
    ['[2001:db8:1:2:3::4]:4711', '2001:db8:1:2::', '2001:db8:1::'],
    ['not an address', 'unknown', 'unknown'],
    [undefined, 'unknown', 'unknown'],
  ])('%s', (address, customer, site) => {
    expect(networkOf(address, ONE_CUSTOMER)).toBe(customer);
    expect(networkOf(address, SITE)).toBe(site);
  });
});
