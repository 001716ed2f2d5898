import type { FastifyRequest } from 'fastify';
import { currentContext } from '../../telemetry/request-context.js';
import { identityOf } from '../caller.js';
import { networkOf, ONE_CUSTOMER } from '../edge/networks.js';

/** A caller, as far as its share of permits is concerned. */
export interface PermitHolder {
  /** The authenticated identity, or else the network of the client, as in the rate limit. */
  name: string;
  isCustomer: boolean;
  /** Known by its network only, because it has not authenticated. */
  isAnonymous?: boolean;
}

export function permitHolderOf(request: FastifyRequest): PermitHolder {
  const identity = identityOf(request);
  return {
    name: identity ?? networkOf(request.ip, ONE_CUSTOMER),
    isCustomer: typeof request.caller?.customerId === 'string',
    isAnonymous: identity === undefined,
  };
}

/** The caller of the request that is being handled, where there is one. */
export function currentPermitHolder(): PermitHolder {
  const name = currentContext()?.work.caller ?? 'background';
  return { name, isCustomer: name.startsWith('customer:') };
}
