import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressGuard } from './address-guard.js';
import { newResolver, type Resolve } from './host-resolver.js';

/** Enough for a TLS handshake between continents in which a packet is lost. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** The host has no address that webhooks may connect to. */
export class AddressNotAllowed extends Error {
  constructor() {
    super('the address of the host is not allowed');
    this.name = 'AddressNotAllowed';
  }
}

/**
 * Connects to allowed addresses only. The check is part of the connection: a name that was resolved before it, as when the
 * URL was stored, may lead elsewhere by now (DNS rebinding).
 */
export function guardedConnector(
  guard: Pick<AddressGuard, 'isAllowed'>,
  resolve: Resolve = newResolver(),
): buildConnector.connector {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    lookup: guardedLookup(guard, resolve),
  });
  return (options, callback) => {
    // A literal address is not looked up. URLs have IPv6 addresses in brackets.
    const host = options.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && !guard.isAllowed(host)) callback(new AddressNotAllowed(), null);
    else connect(options, callback);
  };
}

/** Returns the allowed addresses of a name, among which the connection chooses. */
function guardedLookup(guard: Pick<AddressGuard, 'isAllowed'>, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    const choose = (addresses: readonly LookupAddress[]): void => {
      const allowed = addresses.filter(({ address }) => guard.isAllowed(address));
      const [first] = allowed;
      if (!first) callback(new AddressNotAllowed(), '');
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    };
    const fail = (error: NodeJS.ErrnoException): void => callback(error, '');
    resolve(hostname).then(choose, fail);
  };
}
