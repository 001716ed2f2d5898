import { expect, it } from '@jest/globals';
import { addressPrefix } from './permit-holder.js';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::'],
  ['2001:db8:1:3::1', '2001:db8:1:3::'],
  ['::1', '::'],
])('counts requests from %s for %s', (ip, prefix) => {
  expect(addressPrefix(ip)).toBe(prefix);
});
