import { isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { Address6 } from 'ip-address';
import { currentPlace } from '../../telemetry/work.js';
import { identityOf } from '../caller.js';

/** Bits of an IPv6 address that one customer of a provider has, as in the rate limit. */
const IPV6_PREFIX = 64;

/** A caller, as far as its share of permits is concerned. */
export interface PermitHolder {
  /** Who the request proved to be from, or else the address that it came from. */
  name: string;
  isCustomer: boolean;
}

export function permitHolderOf(request: FastifyRequest): PermitHolder {
  return {
    name: identityOf(request) ?? addressPrefix(request.ip),
    isCustomer: typeof request.caller?.customerId === 'string',
  };
}

/** The caller of the request that is being handled, where there is one. */
export function currentPermitHolder(): PermitHolder {
  const name = currentPlace()?.work.caller ?? 'background';
  return { name, isCustomer: name.startsWith('customer:') };
}

/** An IPv4 address, or the network of an IPv6 address, whose owner can choose the rest freely. */
export function addressPrefix(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const address = new Address6(ip);
  if (address.isMapped4()) return address.to4().correctForm();
  return new Address6(`${ip}/${IPV6_PREFIX}`).startAddress().correctForm();
}
