import { isIP, isIPv4 } from 'node:net';
import { normalizeIP } from '@fastify/rate-limit';

/** A size of networks, in bits of the prefix; for IPv4 whole bytes. */
export interface PrefixLength {
  ipv6: number;
  ipv4: number;
}

/** The network of one customer of a provider: a /64 of IPv6, an address of IPv4. */
export const ONE_CUSTOMER: PrefixLength = { ipv6: 64, ipv4: 32 };

const BITS_PER_BYTE = 8;

/** Some proxies add the port of the client, as in `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/;

/** Text that is no address, or none at all: only a wrong proxy sends it, or the client is gone. */
const UNKNOWN = 'unknown';

/** The network of a client's address. */
export function networkOf(address: string | undefined, { ipv6, ipv4 }: PrefixLength): string {
  const [, bracketed, dotted] = WITH_PORT.exec(address ?? '') ?? [];
  const bare = bracketed ?? dotted ?? address ?? '';
  if (isIP(bare) === 0) return UNKNOWN;
  const network = normalizeIP(bare, ipv6);
  return isIPv4(network) ? network.split('.', ipv4 / BITS_PER_BYTE).join('.') : network;
}
