import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** The part of a URL behind the scheme that browsers send: a name or an address, and a port where it is not the default. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?$/;

/** Origins that a service or stand-in without authentication trusts besides itself. */
export interface TrustedSites {
  /** Origins of pages that may call, as in `https://shop.example.com`. */
  origins: readonly string[];
  /** The request shows a page that reveals no data: links from other sites to it work. */
  isPage?: boolean;
}

/**
 * Finds out whether a page of another site sent a request, for servers that do not authenticate callers. A browser sends
 * such requests to loopback addresses too. Programs such as curl send neither `Origin` nor `Sec-Fetch-Site`, and pass.
 *
 * The `Host` check stops DNS rebinding: an attacker's name that resolves to this machine makes the attacker's page
 * same-origin. An attacker can not register IP addresses, `localhost` or names without a dot (Compose, Kubernetes).
 *
 * @returns why the request is refused; undefined where it is not
 */
export function findForeignPage(headers: IncomingHttpHeaders, sites: TrustedSites): string | undefined {
  const host = headers.host?.toLowerCase();
  const trustedHosts = sites.origins.map((origin) => new URL(origin).host);
  if (host !== undefined && !isOwnHost(host) && !trustedHosts.includes(host)) {
    return 'Without authentication, the Host header must be an IP address, localhost or a name without a dot';
  }
  const { origin } = headers;
  if (origin !== undefined) {
    const isOwn = URL.canParse(origin) && new URL(origin).host === host;
    if (isOwn || sites.origins.includes(origin)) return undefined;
    return 'Without authentication, requests from pages of other origins are refused';
  }
  const isLink = sites.isPage === true && headers['sec-fetch-mode'] === 'navigate';
  if (headers['sec-fetch-site'] === 'cross-site' && !isLink) {
    return 'Without authentication, cross-site requests are refused';
  }
  return undefined;
}

function isOwnHost(host: string): boolean {
  const name = AUTHORITY.exec(host)?.[1];
  if (name === undefined) return false;
  const address = name.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) !== 0 || !name.includes('.') || name.endsWith('.localhost');
}
