import type { Claim } from './order-claims.repository.js';

/** Control characters are refused in both, so the parts can't be mistaken for others. */
const SEPARATOR = '\n';

/** The id that an order has in its source. */
export interface Reference {
  source: string;
  sourceOrderId: string;
  /**
   * The customer who places the order itself. A customer's references are its own: otherwise it could take those of the
   * shop's connectors, and learn of the orders of others.
   */
  customerId: string | null;
}

export function referenceClaim({ source, sourceOrderId, customerId }: Reference): Claim {
  const parts = [source, sourceOrderId, ...(customerId === null ? [] : [customerId])];
  return { kind: 'reference', value: parts.join(SEPARATOR) };
}

export function cartClaim(cartId: string): Claim {
  return { kind: 'cart', value: cartId };
}

export function numberClaim(number: string): Claim {
  return { kind: 'number', value: number };
}

/** The fields of an order that it may have claims by. */
export interface Claimant {
  number: string | null;
  cartId: string | null;
  source: string | null;
  sourceOrderId: string | null;
  customerId: string | null;
}

/** Everything that an order may have claimed: its reference is claimed as that of its shop or of its customer. */
export function claimsOf({ number, cartId, source, sourceOrderId, customerId }: Claimant): Claim[] {
  const owners = customerId === null ? [null] : [null, customerId];
  return [
    ...(source !== null && sourceOrderId !== null
      ? owners.map((owner) => referenceClaim({ source, sourceOrderId, customerId: owner }))
      : []),
    ...(cartId === null ? [] : [cartClaim(cartId)]),
    ...(number === null ? [] : [numberClaim(number)]),
  ];
}
