/** A request as it goes over the wire, but for what is only known when it is sent. */
export interface FuzzRequest {
  method: string;
  /** Path and query; `ORDER_n` in it stands for the id of an order that was placed before. */
  target: string;
  headers: Record<string, string | undefined>;
  body: Buffer | undefined;
  /** What was done to the valid request that it began as; nothing for a valid one. */
  mutations: string[];
}

/** Stands in a target for the id of an order that was placed before. */
export const KNOWN_ORDER = /ORDER_(\d+)/g;
