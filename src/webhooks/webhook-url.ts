import { isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Problem } from '../platform/http/problem.js';
import { AddressGuard } from './delivery/address-guard.js';

/** Longer than the address of any receiver, with a token in its path or query. */
export const MAX_URL_LENGTH = 2_000;

const FORM = 'must be an http(s) URL such as https://erp.shop.example/webhooks';

/** Invisible characters, and letters of other alphabets, would make two addresses look alike. */
const PRINTABLE_ASCII = /^[!-~]+$/;

const PROTOCOLS = ['http:', 'https:'];

/** Why a text is no URL of an endpoint; undefined when it is one. */
export function urlError(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be text';
  if (value.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
  if (!PRINTABLE_ASCII.test(value) || !URL.canParse(value)) return FORM;
  const { protocol, username, password } = new URL(value);
  if (!PROTOCOLS.includes(protocol)) return FORM;
  if (username !== '' || password !== '') return 'must not have a user name or a password';
  // A fragment is never sent; an empty one is no property of the parsed URL.
  return value.includes('#') ? 'must not have a fragment' : undefined;
}

/** The rules for URLs that depend on the settings. Names are checked again when they are resolved, at every delivery. */
@Injectable()
export class WebhookUrls {
  constructor(
    private readonly settings: Settings,
    private readonly addresses: AddressGuard,
  ) {}

  /** @throws {Problem} invalid-request */
  requireAllowed(url: string): void {
    const { protocol, hostname } = new URL(url);
    if (protocol === 'http:' && !this.settings.WEBHOOKS_ALLOW_HTTP) throw invalidUrl('must be an https URL');
    // An IPv6 address stands in brackets; other spellings of IPv4 addresses, such as numbers, are parsed to the usual one.
    const address = hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(address) !== 0 && !this.addresses.isAllowed(address))
      throw invalidUrl('must not have a private, local or reserved address');
  }
}

function invalidUrl(message: string): Problem {
  return Problem.invalidRequest([{ field: 'url', message }]);
}
