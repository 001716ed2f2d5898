import { describe, expect, it } from '@jest/globals';
import { Settings } from '../../config/settings.js';
import { AddressGuard } from './address-guard.js';

function guardWith(...networks: string[]): AddressGuard {
  return new AddressGuard(Object.assign(new Settings(), { WEBHOOKS_ALLOWED_NETWORKS: networks }));
}

describe('addresses that webhooks may connect to', () => {
  it.each([
    ['IPv4', '93.184.215.14'],
    ['IPv6', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
    ['IPv4 mapped to IPv6', '::ffff:93.184.215.14'],
    ['IPv4 behind NAT64', '64:ff9b::5db8:d70e'],
  ])('include public addresses: %s', (_form, address) => {
    expect(guardWith().isAllowed(address)).toBe(true);
  });

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback of IPv6', '::1'],
    ['loopback mapped to IPv6', '::ffff:127.0.0.1'],
    ['loopback mapped to IPv6 in hexadecimal', '::ffff:7f00:1'],
    ['loopback compatible with IPv6', '::127.0.0.1'],
    ['loopback behind NAT64', '64:ff9b::7f00:1'],
    ['loopback behind a local NAT64', '64:ff9b:1::7f00:1'],
    ['loopback in a 6to4 address', '2002:7f00:1::'],
    ['loopback in hexadecimal', '0x7f.1'],
    ['loopback in octal', '0177.0.0.1'],
    ['loopback as a number', '2130706433'],
    ['private 10/8', '10.1.2.3'],
    ['private 172.16/12', '172.31.255.255'],
    ['private 192.168/16', '192.168.0.1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['link-local, with the metadata of most clouds', '169.254.169.254'],
    ['the metadata of Azure', '168.63.129.16'],
    ['the metadata of Azure mapped to IPv6', '::ffff:168.63.129.16'],
    ['link-local of IPv6', 'fe80::1'],
    ['link-local of IPv6 with a zone', 'fe80::1%eth0'],
    ['unique local', 'fd00:ec2::254'],
    ['deprecated site-local', 'fec0::1'],
    ['multicast', '224.0.0.1'],
    ['multicast of IPv6', 'ff02::1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '0.0.0.0'],
    ['unspecified of IPv6', '::'],
    ['documentation', '192.0.2.1'],
    ['no address', 'localhost'],
    ['an address in brackets', '[::1]'],
    ['nothing', ''],
  ])('do not include %s', (_kind, address) => {
    expect(guardWith().isAllowed(address)).toBe(false);
  });

  it('include the networks and addresses that the operator allows, in every form', () => {
    const guard = guardWith('10.0.0.0/8', '192.168.1.7', 'fd00::/8');
    for (const address of ['10.255.0.1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '192.168.1.7', 'fd12::1'])
      expect([address, guard.isAllowed(address)]).toEqual([address, true]);
    for (const address of ['11.0.0.1x', '127.0.0.1', '192.168.1.8', 'fe80::1'])
      expect([address, guard.isAllowed(address)]).toEqual([address, false]);
  });
});
