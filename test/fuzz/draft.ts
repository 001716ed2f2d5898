import fc, { type Arbitrary } from 'fast-check';
import type { RequestParts } from './valid-requests.ts';

/** A request about to be sent, to be spoilt. */
export interface Draft extends RequestParts {
  /** Replaces the path that the operation has. */
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

/** The operation is looked at only; all else may be changed. */
function structuredCloneOf({ operation, rawBody, json, ...rest }: Draft): Draft {
  return { ...structuredClone(rest), json: clone(json), operation, ...(rawBody && { rawBody }) };
}

/** structuredClone would drop a member that is called __proto__. */
function clone(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
/** Adds a member or an element, also one that is called like what every object inherits. */
export function define(container: object, key: string, value: unknown): void {
  if (Array.isArray(container) && !(key in container && key !== 'length')) {
    container.push(value);
    return;
  }
  Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Which of the places that a request has is found when they are counted. */
export const anyPlace = fc.nat(1_000);
