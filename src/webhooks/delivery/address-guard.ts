import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { Settings } from '../../config/settings.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [address: Address, prefix: number];

/** Addresses of the internet (RFC 4291, section 2.4); forms that embed an IPv4 address are outside of it. */
const GLOBAL_UNICAST: Network = ipaddr.parseCIDR('2000::/3');

/** Translates to IPv4 (RFC 6052): with DNS64, every IPv4 host has such an address. */
const NAT64: Network = ipaddr.parseCIDR('64:ff9b::/96');

/** The metadata services of other clouds have private addresses; that of Azure has a public one. */
const METADATA: readonly Network[] = [ipaddr.parseCIDR('168.63.129.16/32')];

const IPV4_BYTES = 4;

/**
 * Decides which addresses webhooks may connect to: those of the internet, and the networks that the operator allows. The
 * URLs come from users, and this service can reach hosts that they can't.
 */
@Injectable()
export class AddressGuard {
  private readonly allowed: readonly Network[];

  constructor({ WEBHOOKS_ALLOWED_NETWORKS }: Settings) {
    this.allowed = WEBHOOKS_ALLOWED_NETWORKS.map(networkOf);
  }

  /** @param address as the resolver or a URL gives it, without brackets; anything else is not allowed */
  isAllowed(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    const target = unmapped(ipaddr.parse(address));
    if (this.allowed.some((network) => isIn(target, network))) return true;
    if (target.range() !== 'unicast' || METADATA.some((network) => isIn(target, network))) return false;
    return target instanceof ipaddr.IPv4 || isIn(target, GLOBAL_UNICAST);
  }
}

/** A single address is a network of one. */
function networkOf(text: string): Network {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.toByteArray().length * 8];
}

function isIn(address: Address, [network, prefix]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, prefix);
}

/** The IPv4 address that a connection to an IPv6 address reaches, if it is one of these. */
function unmapped(address: Address): Address {
  if (address instanceof ipaddr.IPv4) return address;
  if (!address.isIPv4MappedAddress() && !isIn(address, NAT64)) return address;
  return new ipaddr.IPv4(address.toByteArray().slice(-IPV4_BYTES));
}
