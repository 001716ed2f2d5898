import fc, { type Arbitrary } from 'fast-check';
import type { RequestParts } from './valid-requests.ts';

/** A request that mutations may change before it is sent. */
export interface Draft extends RequestParts {
  /** Replaces the path of the operation. */
  rawPath?: string;
  /** Replaces the body. */
  rawBody?: Buffer;
  mutations: string[];
}

export type Mutation = (draft: Draft) => Draft;
/** Names a mutation in the report. */
export function named(name: string, mutations: Arbitrary<Mutation>): Arbitrary<Mutation> {
  return mutations.map((mutate) => (draft) => {
    const spoilt = mutate(structuredCloneOf(draft));
    return { ...spoilt, mutations: [...spoilt.mutations, name] };
  });
}

/** The operation is read-only and shared; everything else is cloned. */
function structuredCloneOf({ operation, rawBody, json, ...rest }: Draft): Draft {
  return { ...structuredClone(rest), json: clone(json), operation, ...(rawBody && { rawBody }) };
}

/** structuredClone would drop a member named __proto__. */
function clone(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
/** Adds a member or an element, also one named like an inherited property. */
export function define(container: object, key: string, value: unknown): void {
  if (Array.isArray(container) && !(key in container && key !== 'length')) {
    container.push(value);
    return;
  }
  Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Index of a place in the request, modulo the number of places. */
export const anyPlace = fc.nat(1_000);
