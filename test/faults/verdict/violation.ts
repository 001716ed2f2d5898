/** The promises of DESIGN.md, as the README tells them; the last one is what no promise names and must not be either. */
export const PROMISES = {
  P1: 'never lost',
  P2: 'never oversold',
  P3: 'never doubled',
  P4: 'never half-done',
  P5: 'in order',
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

/** What a campaign came to. */
export interface Verdict {
  violations: Violation[];
  /** Lines that only a person can settle; allowed with an inventory that ignores keys, and nowhere else. */
  inDoubt: { orderId: string; line: number; productId: string; quantity: number }[];
}
