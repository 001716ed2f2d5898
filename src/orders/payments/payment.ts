export const PAYMENT_STATES = ['authorized', 'captured', 'refunded', 'voided', 'declined'] as const;

export type ReportedState = (typeof PAYMENT_STATES)[number];

/** What the payment provider said about one payment, with the members of the API. One entry for each reference and state. */
export interface Payment {
  /** Id of the payment at its provider; of a refund its own id. */
  reference: string;
  state: ReportedState;
  /** The number that the client wrote, which is exact for amounts. */
  amount: number;
  currency: string;
  /** ISO 8601. */
  recorded_at: string;
  /** Whether the order was confirmed by it. Absent otherwise. */
  confirmed?: true;
}
