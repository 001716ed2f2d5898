/** The promises of DESIGN.md, as worded in the README; the last two cover what no promise names. */
export const PROMISES = {
  P1: 'never lost',
  P2: 'never oversold',
  P3: 'never doubled',
  P4: 'never half-done',
  P5: 'in order',
  erased: 'nothing of an erased customer is left',
  other: 'no crash, no 500',
} as const;

export type PromiseName = keyof typeof PROMISES;

export interface Violation {
  promise: PromiseName;
  what: string;
  orderId?: string | undefined;
  /** Number of the client's record. */
  client?: number | undefined;
}

/** The result of a campaign. */
export interface Verdict {
  violations: Violation[];
  /** Lines that only a person can resolve; allowed only with an inventory that ignores keys. */
  inDoubt: { orderId: string; line: number; productId: string; quantity: number }[];
}
