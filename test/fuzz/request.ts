/** A request as it is sent, except for order ids, which are known only at that time. */
export interface FuzzRequest {
  method: string;
  /** Path and query; `ORDER_n` in it is a placeholder for the id of an order that was placed before. */
  target: string;
  headers: Record<string, string | undefined>;
  body: Buffer | undefined;
  /** Names of the mutations of the valid request; empty for a valid one. */
  mutations: string[];
}

/** Placeholder in a target for the id of an order that was placed before. */
export const KNOWN_ORDER = /ORDER_(\d+)/g;
